/** `serve`: a node in the foreground, until it is told to stop. */
import { resolve } from "node:path";
import type { Command } from "commander";
import type { Config } from "../node/config.ts";
import { publicJwksUrl } from "../node/probe.ts";
import { type RunningNode, serve } from "../node/serve.ts";
import { command, configOf, type Options, withSettings } from "./command.ts";
import { printNote } from "./print.ts";
import { describeNext } from "./ring-views.ts";

export function serveCommand(): Command {
  return withSettings(
    command("serve", "serve the JWKS, sign for holders of the API token, turn the keys over"),
    true,
  )
    .option("--init", "make what is missing first: folder, KEK, API token, ring")
    .action(async (options: Options) => {
      const config = await configOf(options);
      const node = await serve({ config, init: options["init"] === true, environment: process.env });
      process.stdout.write(`${welcome(node, config)}\n`);
      await stopped();
      await node.stop();
    });
}

/** All that one needs to go on, on one screen. */
function welcome({ manager, url, created }: RunningNode, config: Config): string {
  const status = manager.status();
  const located = { ...config, issuer: manager.issuer };
  return [
    "keyturn is serving.",
    "",
    `  JWKS        ${publicJwksUrl(located)}`,
    `  issuer      ${manager.issuer}`,
    `  emitting    ${status.emitter} (${status.alg})`,
    `  next step   ${describeNext(status)}`,
    `  API token   ${config.apiTokenFile}${created.includes(config.apiTokenFile) ? " (just made)" : ""}`,
    `  KEK         ${config.kekFile}${created.includes(config.kekFile) ? " (just made: keep a backup, apart from the ring)" : ""}`,
    "",
    "Sign a token:",
    "",
    `  curl -s ${url}/v1/tokens -H "Authorization: Bearer $(cat ${shellWord(resolve(config.apiTokenFile))})" \\`,
    `    -H "Content-Type: application/json" -d '{"claims":{"sub":"user-1","aud":"orders"}}'`,
    "",
  ].join("\n");
}

function shellWord(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
function stopped(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const ask = (signal: NodeJS.Signals) => {
      if (asked) process.exit(signal === "SIGINT" ? 130 : 143);
      asked = true;
      printNote("stopping; requests under way may finish (again to stop at once)");
      resolve();
    };
    process.on("SIGINT", ask).on("SIGTERM", ask);
  });
}
