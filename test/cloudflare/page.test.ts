/** EDGE.md is run, as far as one can without an account; its tables are held against src. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { configOf } from "../../src/cloudflare/settings.ts";
import { ISSUER_SETTINGS } from "../../src/issuer-settings.ts";
import { SETTINGS } from "../../src/node/settings.ts";
import { POLICY_FIELDS } from "../../src/ring/policy.ts";
import { environmentName } from "../../src/setting-text.ts";
import type { KeyturnEvent } from "../../src/telemetry/events.ts";
import { blocksOf, freePort, withTable } from "../package/page.ts";
import { cloned } from "./clone.ts";
import { ended, environmentOfWrangler, SECRETS, startWorker } from "./running-worker.ts";

const PAGE = "EDGE.md";
const page = readFileSync(PAGE, "utf8");
const SHOWN_URL = "http://127.0.0.1:8787";

const [tryIt = "", commands = ""] = blocksOf(page)
  .filter(({ language }) => language === "sh")
  .map(({ code }) => code);

let clone: string;
let url: string;
let server: ChildProcess;

beforeAll(async () => {
  clone = cloned();
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  expect(tryIt).toBe("npm ci\nnpm run edge\n");
  server = spawn("npm", ["run", "edge", "--", "--port", `${port}`], {
    ...{ cwd: clone, env: environmentOfWrangler(), detached: true },
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise<void>((ready, fail) => {
    server.stdout?.on("data", (chunk) => `${chunk}`.includes("The log:") && ready());
    server.on("exit", () => fail(new Error("npm run edge ended")));
  });
}, 60_000);
afterAll(() => ended(server, "SIGINT"));

it("has commands that work as they stand, in the folder of the clone", () => {
  const strict = commands.replaceAll(SHOWN_URL, url).replaceAll("curl -s", "curl --fail-with-body -s");
  const { status, stdout, stderr } = spawnSync("bash", ["-e", "-c", strict], {
    cwd: clone,
    encoding: "utf8",
  });
  expect(status, stdout + stderr).toBe(0);
  expect(stdout).toContain('"to see it happen"');
});

it("shows a Worker of one's own, and one that signs beside it, that run", async () => {
  const shown = (language: string, of: string) =>
    blocksOf(page).find((block) => block.language === language && block.code.includes(of))?.code ?? "";
  const worker = await startWorker({
    config: "orders/wrangler.toml",
    args: ["--config", "auth/wrangler.toml"],
    files: {
      "auth/wrangler.toml": shown("toml", 'name = "auth"'),
      "auth/.dev.vars": Object.entries(SECRETS)
        .map(([name, secret]) => `${name}=${secret}\n`)
        .join(""),
      "auth/worker.ts": shown("ts", "export { default, KeyRingObject }"),
      "orders/wrangler.toml": `name = "orders"\nmain = "worker.ts"\ncompatibility_date = "2026-10-20"\n
${shown("toml", "script_name").replace('"keyturn"', '"auth"')}`,
      "orders/worker.ts": shown("ts", "openSigner"),
    },
  });
  const compatibility = /^compatibility_.*$/gm;
  expect(shown("toml", 'name = "auth"').match(compatibility)).toEqual(
    readFileSync("wrangler.toml", "utf8").match(compatibility),
  );
  // The object makes the ring for whoever reads it first.
  const response = await fetch(worker.url);
  expect(response.status, worker.log().join("\n")).toBe(200);
  expect(await response.json()).toEqual({ token: expect.stringMatching(/^ey.*\..*\./) });
  await worker.stop();
});

/** What is said of a setting here, where it is not what is said of it on a server. */
const SAID_HERE: Readonly<Record<string, readonly [fallback: string, about: string]>> = {
  issuer: ["required", "The iss of every token: an https URL, or http on loopback."],
  ring: ["default", "Name of the ring, which chooses its object. A new name is a new ring."],
  steps: [
    "on",
    "Off: this deployment takes no step. `POST /v1/ring/pause` stops the ring, wherever it is served.",
  ],
  probe: [
    "false",
    "Start a new key's hold only when jwksUrl is seen to show it. For a JWKS that others serve.",
  ],
};

it("lists every setting, with its default", () => {
  const names = [...Object.keys(ISSUER_SETTINGS), "ring", ...POLICY_FIELDS];
  const onServers = new Map(SETTINGS.map((setting) => [setting.name as string, setting]));
  const rows = names.map((name) => {
    const [fallback, about] = SAID_HERE[name] ?? [onServers.get(name)?.default, onServers.get(name)?.about];
    return `| \`${environmentName(name)}\` | \`${fallback}\` | ${about} |`;
  });
  expectTable("settings", ["| var | default | meaning |", "| --- | --- | --- |", ...rows]);

  const given = (more: Readonly<Record<string, string>>) =>
    configOf({ KEYTURN_ISSUER: "https://auth.example.com", ...more } as never);
  for (const name of names) {
    const { default: fallback = "default" } = onServers.get(name) ?? {};
    const text = /^<|^none$|^http:/.test(fallback) ? null : fallback;
    // As its own default, each changes nothing.
    if (text !== null) expect(given({ [environmentName(name)]: text }), name).toEqual(given({}));
  }
  expect(() => given({ KEYTURN_TICK_SCHEDULE: "* * * * *" })).toThrow("KEYTURN_TICK_SCHEDULE");
});

/** Each event, what its points are about, and what it means. Null: a Worker does not see it. */
const COUNTED: Readonly<Record<KeyturnEvent["type"], readonly [about: string, meaning: string] | null>> = {
  ring_advanced: ["the step or command", "A commit to the ring."],
  conflict: ["", "Another was first, and the decision was taken again."],
  commit_reconciled: ["", "A commit whose end was unknown was looked up."],
  step_blocked: ["why", "A step is due and cannot be taken."],
  store_failed: ["", "The ring could not be read or written."],
  store_recovered: ["", "It can be again."],
  store_called: ["operation and outcome", "A call of the store; seconds tell how long."],
  jwks_answered: ["the status", "The JWKS was asked for."],
  publication_seen: ["", "The public JWKS was probed."],
  audit_failed: null,
  tick_failed: ["", "A look for a due step failed."],
  token_signed: ["the kid", "A token was signed."],
  token_refused: ["the code", "A token was asked for that is not signed."],
  request_denied: ["the code", "A caller was turned away."],
  api_token_changed: ["what", "An API token was issued, rotated or revoked."],
  api_tokens_failed: ["", "The API tokens could not be read or written."],
  api_tokens_recovered: ["", "They can be again."],
  config_failed: null,
  request_failed: ["", "A request failed inside."],
};

it("lists every counter", () => {
  const rows = Object.entries(COUNTED).flatMap(([type, said]) =>
    said === null ? [] : [`| \`${type}\` | ${said[0]} | ${said[1]} |`],
  );
  expectTable("counters", ["| `blob1` | `blob2` | meaning |", "| --- | --- | --- |", ...rows]);
});

it("names secrets, files and pages that there are", () => {
  for (const name of Object.keys(SECRETS)) expect(page).toContain(`\`${name}\``);
  for (const [, path = ""] of page.matchAll(/\]\(([\w./-]+)\)/g))
    expect(() => readFileSync(path), path).not.toThrow();
});

function expectTable(name: string, rows: readonly string[]): void {
  // Read again: the tests of this file write one after the other.
  const before = readFileSync(PAGE, "utf8");
  const after = withTable(before, name, rows);
  if (process.env["UPDATE_README"] === "1") writeFileSync(PAGE, after);
  else expect(before).toBe(after);
}
