/** `serve`: a node in the foreground, until it is told to stop. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { publicJwksUrl } from "../http/public-jwks.ts";
import type { Config } from "../node/config.ts";
import type { RunningNode } from "../node/serve.ts";
import { command, configOf, type Options, withSettings } from "./command.ts";
import { printNote } from "./print.ts";
import { outlivesItsReader } from "./reader.ts";
import { describeNext } from "./ring-views.ts";

export function serveCommand(): Command {
  return withSettings(
    command(
      "serve",
      "serve the JWKS, sign for holders of the API token, turn the keys over",
      "keyturn serve --init",
      "keyturn serve --issuer https://auth.example.com --listen 0.0.0.0:3000",
      "keyturn serve --init --store aws --secret-id keyturn/ring --kek-secret-id keyturn/kek",
    ),
    true,
  )
    .option("--init", "make what is missing first: folder or secrets, KEK, API token, ring")
    .action(async (options: Options) => {
      const config = await configOf(options);
      const given = { kek: "KEYTURN_KEK" in process.env, apiToken: "KEYTURN_API_TOKEN" in process.env };
      const asked = stopAsked();
      outlivesItsReader();
      // No other command needs an HTTP server, and loading one would take up a quarter of its time.
      const { serve } = await import("../node/serve.ts");
      const node = await serve({
        config,
        init: options["init"] === true,
        environment: process.env,
        // The same file, also where it was found and not named: while it is replaced, nothing else counts.
        reread: () => configOf(config.file === null ? options : { ...options, config: config.file }),
      });
      const out = config.auditLog === "stdout" ? process.stderr : process.stdout;
      out.write(`${welcome(node, config, given)}\n`);
      await asked;
      await node.stop();
    });
}

/** Which secrets came from the environment. */
interface Given {
  readonly kek: boolean;
  readonly apiToken: boolean;
}

/** All that one needs to go on, on one screen. */
function welcome({ manager, url, created }: RunningNode, config: Config, given: Given): string {
  const status = manager.status();
  const located = { ...config, issuer: manager.issuer };
  const kekAt = config.kekSecretId === null ? config.kekFile : `secret ${config.kekSecretId}`;
  const isNew = created.some((made) => made.includes(config.kekSecretId ?? config.kekFile));
  const kekNote = isNew ? " (just made: keep a backup, apart from the ring)" : "";
  const token = apiTokenAt(config.apiTokenFile, created, given);
  return [
    "keyturn is serving.",
    "",
    `  JWKS        ${publicJwksUrl(located)}`,
    `  issuer      ${manager.issuer}`,
    `  emitting    ${status.emitter} (${status.alg})`,
    `  next step   ${describeNext(status)}`,
    `  API token   ${token.shown}`,
    `  KEK         ${given.kek ? "in KEYTURN_KEK" : `${kekAt}${kekNote}`}`,
    "",
    "Sign a token:",
    "",
    `  curl -s ${url}/v1/tokens -H "Authorization: Bearer ${token.inShell}" \\`,
    `    -H "Content-Type: application/json" -d '{"claims":{"sub":"user-1","aud":"orders"}}'`,
    "",
  ].join("\n");
}

/** Where a token that signs is: for people, and for a shell. */
function apiTokenAt(file: string, created: readonly string[], given: Given) {
  if (given.apiToken) return { shown: "in KEYTURN_API_TOKEN", inShell: "$KEYTURN_API_TOKEN" };
  if (!existsSync(file))
    return {
      shown: "none here; `keyturn api-token issue --name me --role signer` prints one",
      inShell: "$API_TOKEN",
    };
  const shown = created.includes(file) ? `${file} (just made)` : file;
  return { shown, inShell: `$(cat ${shellWord(resolve(file))})` };
}

function shellWord(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
function stopAsked(): Promise<void> {
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
