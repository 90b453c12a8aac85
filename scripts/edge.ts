/** `npm run edge`: the Worker of wrangler.toml in workerd on this machine, without account or network. */
import { resolve } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { exitCodeOf } from "../dist/cli/exit-code.js";
import { printFailure } from "../dist/cli/print.js";
import { KeyturnError } from "../dist/errors.js";
import { assertPrivate } from "../dist/store/file-access.js";
import { devVars, inShell } from "./dev-vars.ts";
import { onlyOne } from "./only-one.ts";
import { expectFree, type WranglerDev, wranglerDev } from "./wrangler-dev.ts";

/** Loopback: what is to be reached from outside is deployed. */
const HOST = "127.0.0.1";

/** The one that wrangler takes. */
const DEFAULT_PORT = 8787;

/** For so long the log is waited for, which tells more than the answer. */
const LOOKS_MAX = 20;
const LOOK_MILLISECONDS = 100;

const SECRETS_FILE = resolve(".dev.vars");
const STATE = resolve(".wrangler/state");

async function main(): Promise<void> {
  const port = portIn(process.argv.slice(2));
  const url = `http://${HOST}:${port}`;
  const place = onlyOne(resolve(".wrangler/edge.pid"));
  process.once("exit", place.release);
  await expectFree(HOST, port);
  const made = await devVars(SECRETS_FILE, `http://${HOST}:${DEFAULT_PORT}`);
  await assertPrivate(SECRETS_FILE).catch(printFailure);
  const asked = stopAsked();
  const dev = wranglerDev([
    ...["--ip", HOST, "--port", String(port), "--persist-to", STATE],
    ...["--var", `KEYTURN_ISSUER:${url}`, "--show-interactive-dev-session=false"],
  ]);
  place.note(dev.group);
  try {
    if ((await Promise.race([dev.ready, asked])) === "stop") return;
    await expectReady(url, dev);
    process.stdout.write(`${welcome(url, made)}\n`);
    dev.show();
    await Promise.race([asked, dev.ended]);
  } finally {
    await dev.stop();
  }
}

/** Makes the ring where there is none. @throws KeyturnError `config_invalid` where the Worker cannot serve it */
async function expectReady(url: string, dev: WranglerDev): Promise<void> {
  const answer = await fetch(`${url}/readyz`);
  if (answer.ok) return;
  const { code } = (await answer.json()) as { readonly code: string };
  // What it has logged of that may come after its answer.
  for (let looks = 0; looks < LOOKS_MAX && !dev.heard().includes(code); looks += 1)
    await delay(LOOK_MILLISECONDS);
  await dev.stop();
  const what = `The Worker cannot serve its ring (${code}). It says:\n${dev.heard()}`;
  throw new KeyturnError("config_invalid", what, {
    fix: `Where the KEK is another than the ring's: put the ${SECRETS_FILE} of that time back, or delete ${STATE}.`,
  });
}

/** All that one needs to go on, on one screen. */
function welcome(url: string, made: boolean): string {
  const bearer = (name: string) => `-H "Authorization: Bearer ${inShell(SECRETS_FILE, name)}"`;
  return `
keyturn is serving in workerd, the runtime of Cloudflare Workers, on this machine.

  JWKS        ${url}/.well-known/jwks.json
  issuer      ${url}
  secrets     ${SECRETS_FILE}${made ? " (just made)" : ""}
  ring        ${STATE}

Sign a token:

  curl -s ${url}/v1/tokens ${bearer("KEYTURN_API_TOKEN")} \\
    -H "Content-Type: application/json" -d '{"claims":{"sub":"user-1","aud":"orders"}}'

See the ring:

  curl -s ${url}/v1/ring ${bearer("KEYTURN_ADMIN_TOKEN")}

Call the cron, which Cloudflare does every minute:

  curl -s ${url}/cdn-cgi/local/scheduled

Ctrl-C stops it. What is changed in src is served at once. The log:
`;
}

function portIn(args: string[]): number {
  try {
    const { port = String(DEFAULT_PORT) } = parseArgs({ args, options: { port: { type: "string" } } }).values;
    if (/^\d{1,5}$/.test(port) && Number(port) > 0 && Number(port) < 65_536) return Number(port);
    throw new Error(`There is no port ${port}.`);
  } catch (cause) {
    throw new KeyturnError("config_invalid", cause instanceof Error ? cause.message : String(cause), {
      fix: "npm run edge, or npm run edge -- --port 8788",
    });
  }
}

function stopAsked(): Promise<"stop"> {
  return new Promise((resolveStop) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.on(signal, () => resolveStop("stop"));
  });
}

await main().catch((error: unknown) => {
  printFailure(error);
  process.exitCode = exitCodeOf(error);
});
