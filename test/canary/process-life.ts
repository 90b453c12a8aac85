/**
 * A real `keyturn serve` and the commands beside it, with secrets that this process chose: all that
 * they write to their terminals, answer, log, leave in files, send, report and cry when they crash.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { appendFile, copyFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import process from "node:process";
import type { JWK } from "jose";
import { ROLES } from "../../src/api-tokens/role.ts";
import { generateKek } from "../../src/keys/kek.ts";
import { environmentWith, MAIN, openShell } from "../fuzz/shell.ts";
import { givenToken } from "../http/given-token.ts";
import { openAuditReceiver } from "./audit-receiver.ts";
import { badly, GIVEN, giveSecrets, WELL } from "./commands.ts";
import type { Hearing } from "./hearing.ts";
import { askedToAdminister, askedToSign, type Environment, serving } from "./running-server.ts";
import { splitText } from "./told-values.ts";

export interface ProcessSecrets {
  readonly keks: readonly string[];
  /** By what they are: API tokens, passphrase, what the audit's receiver wants. */
  readonly texts: readonly (readonly [name: string, text: string])[];
  readonly importedJwk: JWK;
  /** Every document that a ring ever was, as far as it was seen between two commands. */
  readonly documents: readonly string[];
  /** The same, of the API tokens. */
  readonly books: readonly string[];
  /** What was signed; no log may hold it. */
  readonly tokens: readonly string[];
  /** Whether the audit's receiver was sent records and notes, with its token. */
  readonly auditSent: boolean;
}

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
  const books = new Set<string>();
  const tokens: string[] = [];
  const values = new Set([apiToken]);
  const secret = { KEYTURN_KEK: kek, KEYTURN_API_TOKEN: apiToken };
  const given = await giveSecrets(folder, alg);
  const see = async () => {
    for (const ring of [".keyturn/ring", "moved/ring", "again/ring", "back/ring", "no/ring"])
      for (const document of await documentsIn(join(folder, ring))) documents.add(document);
    for (const book of await documentsIn(join(folder, ".keyturn/api-tokens"))) books.add(book);
  };

  const shell = openShell(folder, (cry) => heard.hear("standard error of commands", cry));
  const command = async (args: readonly string[], environment: Environment = secret, input?: string) => {
    const said = await (input === undefined
      ? shell.run(args, environment)
      : run(folder, args, environment, input));
    const told = TELLING.test(args.join(" ")) ? splitText(said.stdout) : { value: null, rest: said.stdout };
    if (told.value !== null) values.add(told.value);
    heard.hear("standard output of commands", told.rest);
    heard.hear("standard error of commands", said.stderr);
    await see();
    return said;
  };

  await command(["init", "--alg", alg, "--rsa-bits", "2048", "--json"]);
  const signed = await command(["sign", "--sub", "user-1", "--json"]);
  tokens.push((JSON.parse(signed.stdout) as { token: string }).token);
  const { keys } = JSON.parse((await command(["status", "--json"])).stdout) as { keys: { kid: string }[] };
  const [emitter, standby] = keys.map(({ kid }) => kid) as [string, string];
  for (const args of WELL) await command(args);
  for (const role of ROLES)
    await command(["api-token", "issue", "--name", role, "--role", role, "--out", `${role}.token`]);
  const issued = await command(["api-token", "issue", "--name", "x", "--role", "signer", "--json"]);
  const { id } = JSON.parse(issued.stdout) as { id: string };
  for (const args of turnover(id)) await command(args);
  const exported = ["export", "--passphrase-file", "given/passphrase", "--reason", "a test", "--yes"];
  const { stdout: sealed } = await command(exported);
  await writeFile(join(folder, GIVEN, "key.jwe"), sealed, { mode: 0o600 });
  await command([
    "init",
    "--folder",
    "back",
    "--import",
    "given/key.jwe",
    "--passphrase-file",
    "given/passphrase",
  ]);
  await command(["verify"], secret, tokens[0]);
  await command(["revoke", standby, "--reason", "a test", "--yes", "--json"]);
  for (const args of badly(kek, apiToken, given)) await command(args);
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
  // Its successor was told under the KEK before, and cannot be told again.
  await command(["api-token", "rotate", id, "--json"], { ...secret, KEYTURN_KEK: nextKek });

  shell.close();

  const key = randomBytes(24).toString("base64url");
  const receiver = await openAuditReceiver(heard, { bearer: given.auditToken, key });
  const config = join(GIVEN, "server.yaml");
  await copyFile(join(folder, "keyturn.yaml"), join(folder, config));
  await appendFile(join(folder, config), `auditUrl: ${receiver.url}\n`);
  const environment = {
    ...{ ...secret, KEYTURN_KEK: nextKek, KEYTURN_PREVIOUS_KEK: kek },
    KEYTURN_AUDIT_TOKEN: given.auditToken,
  };
  const server = await serving(folder, config, environment, heard);
  tokens.push(...(await askedToSign(server.url, apiToken, heard)));
  const asked = await askedToAdminister(server.url, await namesIn(folder, books), heard);
  tokens.push(...asked.jwts);
  for (const value of asked.values) values.add(value);
  const wasSent = await receiver.heard(['"generation":', '{"denied":', '{"apiToken":']);
  server.child.kill("SIGUSR2");
  await server.ended;
  receiver.close();
  await see();
  for (const [name, text] of await filesIn(folder)) {
    const { value, rest } = name.endsWith(".token") ? splitText(text) : { value: null, rest: text };
    if (value !== null) values.add(value);
    heard.hear(`file ${name}`, rest);
  }
  return {
    ...{ keks: [kek, nextKek], documents: [...documents], books: [...books], tokens },
    texts: [
      ...[...values].map((value, i) => [`API token ${i + 1}`, value] as const),
      ["passphrase", given.passphrase],
      ["bearer token of the audit", given.auditToken],
      ["key in the URL of the audit", key],
    ],
    importedJwk: given.importedJwk,
    auditSent: wasSent && receiver.wasAuthorized(),
  };
}

/** Commands that print the value of an API token. */
const TELLING = /^api-token (issue|rotate) (?!.*--out )/;

/** An API token and its successors, to the end. */
function turnover(id: string): readonly (readonly string[])[] {
  return [
    ["api-token", "rotate", id],
    ["api-token", "rotate", id, "--json"],
    ["api-token", "rotate", id, "--out", "successor.token"],
    ["api-token", "rotate", id, "--token-overlap-seconds", "301", "--expires-in-seconds", "never"],
    ["api-token", "list", "--json"],
    ["api-token", "revoke", "t_AAAAAAAAAAAAAAAA", "--reason", "a test", "--yes"],
  ];
}

/** The API tokens of the roles with their ids, and one that may be spoiled. */
async function namesIn(folder: string, books: Iterable<string>): Promise<Record<string, string>> {
  const newest = [...books]
    .map((book) => JSON.parse(book) as Book)
    .sort((a, b) => generationOf(a) - generationOf(b));
  const stored = newest.at(-1)?.book.tokens ?? [];
  const idOf = (wanted: string) => stored.find(({ name }) => name === wanted)?.id ?? "";
  const names: Record<string, string> = { id: stored.findLast(({ name }) => name === "x")?.id ?? "" };
  for (const role of ROLES) {
    names[role] = (await readFile(join(folder, `${role}.token`), "utf8")).trim();
    names[`${role} id`] = idOf(role);
  }
  return names;
}

interface Book {
  readonly book: { readonly generation: number; readonly tokens: readonly { id: string; name: string }[] };
}

function generationOf({ book }: Book): number {
  return book.generation;
}

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

async function documentsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return Promise.all(
    names.filter((name) => name.endsWith(".json")).map((name) => readFile(join(folder, name), "utf8")),
  );
}

/** All that keyturn wrote there; what the test itself put into a file is not its doing. */
async function filesIn(folder: string): Promise<[name: string, text: string][]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
    .filter((path) => path !== "bad.yaml" && !path.startsWith(GIVEN));
  return Promise.all(paths.map(async (path) => [path, await readFile(join(folder, path), "utf8")]));
}
