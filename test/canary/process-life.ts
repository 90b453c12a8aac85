/**
 * A real `keyturn serve` and the commands beside it, with secrets that this process chose: all that
 * they write to their terminals, answer, log, leave in files, report and cry when they crash.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { generateKek } from "../../src/keys/kek.ts";
import { environmentWith, MAIN, openShell } from "../fuzz/shell.ts";
import { givenToken } from "../http/given-token.ts";
import type { Hearing } from "./hearing.ts";

export interface ProcessSecrets {
  readonly keks: readonly string[];
  readonly apiToken: string;
  /** Every document that the ring ever was, as far as it was seen between two commands. */
  readonly documents: readonly string[];
  /** What was signed; no log may hold it. */
  readonly tokens: readonly string[];
}

/** On a signal the process reports on itself, as an operator would have it do, and then crashes. */
const CRASHING = `data:text/javascript,${encodeURIComponent(`
  process.on("SIGUSR2", () => {
    process.stdout.write(JSON.stringify(process.report.getReport()) + "\\nreported\\n");
    setTimeout(() => { throw Object.assign(new Error("planted"), { env: process.env, argv: process.argv }); }, 50);
  });`)}`;

export async function processLife(alg: string, heard: Hearing): Promise<ProcessSecrets> {
  const folder = await mkdtemp(join(tmpdir(), "keyturn-canary-"));
  try {
    return await livedIn(folder, alg, heard);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function livedIn(folder: string, alg: string, heard: Hearing): Promise<ProcessSecrets> {
  // The worst of them: where a word is expected, it looks like a flag.
  const kek = `-${generateKek().slice(1)}`;
  const nextKek = generateKek();
  const apiToken = givenToken();
  const documents = new Set<string>();
  const tokens: string[] = [];
  const secret = { KEYTURN_KEK: kek, KEYTURN_API_TOKEN: apiToken };

  const shell = openShell(folder, (cry) => heard.hear("standard error of commands", cry));
  const command = async (args: readonly string[], environment: Environment = secret, input?: string) => {
    const said = await (input === undefined
      ? shell.run(args, environment)
      : run(folder, args, environment, input));
    heard.hear("standard output of commands", said.stdout);
    heard.hear("standard error of commands", said.stderr);
    for (const document of await ringFilesIn(folder)) documents.add(document);
    return said;
  };

  await command(["init", "--alg", alg, "--rsa-bits", "2048", "--json"]);
  const signed = await command(["sign", "--sub", "user-1", "--json"]);
  tokens.push((JSON.parse(signed.stdout) as { token: string }).token);
  const { keys } = JSON.parse((await command(["status", "--json"])).stdout) as { keys: { kid: string }[] };
  const [emitter, standby] = keys.map(({ kid }) => kid) as [string, string];
  for (const args of WELL) await command(args);
  await command(["verify"], secret, tokens[0]);
  await command(["revoke", standby, "--reason", "a test", "--yes", "--json"]);
  for (const args of badly(kek, apiToken)) await command(args);
  await command(["verify"], secret, kek);
  await command(["status"], { ...secret, KEYTURN_KEK: `${kek}x` });
  await command(["status"], { ...secret, KEYTURN_KEK: nextKek });
  await command(["status"], { ...secret, KEYTURN_PREVIOUS_KEK: kek.slice(1) });
  await command(["status"], { KEYTURN_API_TOKEN: apiToken });
  await command(["status"], { ...secret, KEYTURN_API_TOKE: apiToken });
  for (const text of [
    `kek: ${kek}\n  bad: [`,
    `kek: ${kek}\n`,
    `? {kek: ${kek}}\n: 1\n`,
    `apiToken: ${apiToken}`,
  ]) {
    await writeFile(join(folder, "bad.yaml"), text);
    await command(["status", "--config", "bad.yaml"]);
  }
  await command(["revoke", emitter, "--reason", "a test", "--yes"]);
  await command(["rewrap"], { ...secret, KEYTURN_KEK: nextKek, KEYTURN_PREVIOUS_KEK: kek });

  shell.close();

  const environment = { ...secret, KEYTURN_KEK: nextKek, KEYTURN_PREVIOUS_KEK: kek };
  const server = await serving(folder, environment, heard);
  tokens.push(...(await asked(server.url, apiToken, heard)));
  server.child.kill("SIGUSR2");
  await server.ended;
  for (const document of await ringFilesIn(folder)) documents.add(document);
  for (const [name, text] of await filesIn(folder)) heard.hear(`file ${name}`, text);
  return { keks: [kek, nextKek], apiToken, documents: [...documents], tokens };
}

/** Commands that work. */
const WELL: readonly (readonly string[])[] = [
  ["status"],
  ["export", "--under-kek", "--reason", "a test", "--yes", "--json"],
  ["doctor", "--jwks-url", "http://127.0.0.1:9/jwks.json"],
  ["plan", "--json"],
  ["jwks"],
  ["sign", "--aud", "orders"],
  ["rotate", "--json"],
  ["pause", "--reason", "a test"],
  ["resume"],
  ["policy", "--token-seconds", "60", "--apply"],
  ["audit", "show", "--json"],
  ["audit", "verify"],
  ["--help"],
  ["serve", "--help"],
];

/** Commands that cannot work, some because a secret was put where none belongs. */
function badly(kek: string, apiToken: string): readonly (readonly string[])[] {
  return [
    ["status", "--kek", kek],
    [`--kek=${kek}`],
    ["status", `--kek-fil=${kek}`],
    ["status", "--api-token", apiToken],
    ["status", "--config", "nowhere.yaml"],
    ["revoke", "AAAAAAAAAA", "--reason", "x", "--yes"],
    ["rollback", "--reason", "x", "--yes"],
    ["sign", "--claims", `{"a":"${kek}"`],
    ["sign", "--expires-in-seconds", apiToken],
    ["sign", "--claims", `{"iss":"${apiToken}"}`],
    ["policy", "--jwks-cache-seconds", "1"],
    ["audit", "verify", "--anchor", kek],
    ["no-such-command"],
    [kek],
    ["status", kek],
  ];
}

type Environment = Readonly<Record<string, string>>;

interface Said {
  readonly stdout: string;
  readonly stderr: string;
}

async function run(cwd: string, args: readonly string[], more: Environment, input: string): Promise<Said> {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, env: environmentWith(more), stdio: "pipe" });
  child.stdin.on("error", () => undefined).end(input);
  const said = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (said.stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (said.stderr += chunk));
  await once(child, "close");
  return said;
}

/** A server whose every word is heard, once it serves. */
async function serving(cwd: string, secrets: Environment, { hear, textOf }: Hearing) {
  const args = ["serve", "--listen", "127.0.0.1:0", "--log-level", "debug", "--tick-schedule", "* * * * * *"];
  const child: ChildProcess = spawn(process.execPath, ["--import", CRASHING, MAIN, ...args], {
    cwd,
    env: environmentWith(secrets),
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout?.on("data", (chunk: Buffer) => hear(SERVER_OUTPUT, chunk));
  child.stderr?.on("data", (chunk: Buffer) => hear(SERVER_LOG, chunk));
  const ended = once(child, "close");
  const said = () => /issuer +(\S+)/.exec(textOf(SERVER_OUTPUT))?.[1];
  while (said() === undefined || !textOf(SERVER_OUTPUT).includes("curl")) {
    const more = await Promise.race([
      once(child.stdout as NodeJS.ReadableStream, "data"),
      ended.then(() => null),
    ]);
    if (more === null) throw new Error(`The server did not come up. ${textOf(SERVER_LOG)}`);
  }
  return { child, ended, url: said() as string };
}

export const SERVER_LOG = "log of the server";
export const SERVER_OUTPUT = "standard output, report and environment of the server";

/** All routes, well and badly; returns the tokens that were signed. */
async function asked(url: string, apiToken: string, { hear }: Hearing): Promise<string[]> {
  const tokens: string[] = [];
  const post = async (authorization: string, body: string) => {
    const headers = { Authorization: authorization, "Content-Type": "application/json" };
    const response = await fetch(`${url}/v1/tokens`, { method: "POST", headers, body });
    const text = await response.text();
    if (response.status === 200) tokens.push((JSON.parse(text) as { token: string }).token);
    else hear("HTTP answers of the server", `${JSON.stringify([...response.headers])}\n${text}`);
  };
  await post(`Bearer ${apiToken}`, '{"claims":{"sub":"user-1"}}');
  await post(`Bearer ${apiToken}`, "{");
  await post(`Bearer ${apiToken}x`, "{}");
  await post(`Basic ${apiToken}`, "{}");
  await post(`Bearer ${apiToken}`, `{"claims":{"iss":"${apiToken}"}}`);
  await post(`Bearer ${apiToken}`, `{"claims":"${apiToken}"}`);
  for (const path of [
    "/.well-known/jwks.json",
    "/.well-known/openid-configuration",
    "/readyz",
    "/livez",
    "/nowhere",
  ]) {
    const response = await fetch(url + path);
    hear("HTTP answers of the server", `${JSON.stringify([...response.headers])}\n${await response.text()}`);
  }
  return tokens;
}

async function ringFilesIn(folder: string): Promise<string[]> {
  const ring = join(folder, ".keyturn", "ring");
  const names = await readdir(ring).catch(() => []);
  return Promise.all(
    names.filter((name) => name.endsWith(".json")).map((name) => readFile(join(ring, name), "utf8")),
  );
}

/** All that keyturn wrote there; what the test itself put into a file is not its doing. */
async function filesIn(folder: string): Promise<[string, Buffer][]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name !== "bad.yaml");
  return Promise.all(
    files.map(
      async ({ parentPath, name }): Promise<[string, Buffer]> => [
        name,
        await readFile(join(parentPath, name)),
      ],
    ),
  );
}
