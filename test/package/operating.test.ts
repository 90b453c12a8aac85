/** OPERATING.md is run: its commands and programs in the order of the page, in one folder; its tables are held against src. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse } from "yaml";
import { ACTIONS, mayDo, ROLES } from "../../src/api-tokens/role.ts";
import { auditOperations } from "../../src/http/admin/audit-operations.ts";
import { ringOperations } from "../../src/http/admin/ring-operations.ts";
import { apiTokenOperations } from "../../src/http/api-token-operations.ts";
import type { Operation } from "../../src/http/operation.ts";
import { signOperations } from "../../src/http/sign.ts";
import { readConfig } from "../../src/node/config.ts";
import {
  type Block,
  blocksOf,
  freePort,
  SHOWN_URL,
  shell,
  terminalEnvironment,
  terminalScript,
  withTable,
} from "./page.ts";

const PAGE = "OPERATING.md";
const page = readFileSync(PAGE, "utf8");

/** Set-up that README.md's test runs. */
const INSTALL = "npm install keyturn\n";
const SERVER = /^keyturn serve/;

let folder: string;
let url: string;
let server: ChildProcess | null = null;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "keyturn-operating-"));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(resolve("."), join(folder, "node_modules", "keyturn"));
  symlinkSync(resolve("node_modules/jose"), join(folder, "node_modules", "jose"));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  url = `http://127.0.0.1:${await freePort()}`;
});

afterAll(async () => {
  await stopServer();
  rmSync(folder, { recursive: true, force: true });
});

it("has commands and programs that work as they stand, one after the other", async () => {
  const blocks = blocksOf(page).filter(({ code }) => code !== INSTALL);
  expect(new Set(blocks.map(({ language }) => language))).toEqual(new Set(["sh", "ts", "yaml"]));
  for (const [i, block] of blocks.entries()) await WAYS[block.language]?.(block, i);

  // What the page leaves behind shows that its commands did what it says of them.
  const events = shell("keyturn audit show --json", { cwd: folder, url });
  expect(JSON.parse(events.stdout).map(({ event }: { event: string }) => event)).toEqual(
    expect.arrayContaining(["init", "rotate_requested", "revoke", "pause", "resume"]),
  );
  const { stdout } = shell("keyturn api-token list --json", { cwd: folder, url });
  const phases = JSON.parse(stdout).map(({ name, phase }: { name: string; phase: string }) => [name, phase]);
  expect(phases).toEqual([
    ["first", "valid"],
    ["orders", "valid"],
    ["ops", "revoked"],
    ["admin", "valid"],
    ["acme", "revoked"],
    ["ops", "valid"],
  ]);
  const moved = shell("keyturn status --folder moved --json", { cwd: folder, url });
  expect(JSON.parse(moved.stdout)).toMatchObject({ emitter: "2026-a", pausedAt: expect.any(Number) });
  const back = shell("keyturn status --folder back --json", { cwd: folder, url });
  expect(JSON.parse(back.stdout)).toMatchObject({ emitter: "2026-a" });
}, 180_000);

it("says which role may do what", () => {
  const callers = [null, ...ROLES];
  const rows = ACTIONS.map((action) => {
    const cells = callers.map((role) => (mayDo(role, action) ? "yes" : ""));
    return `| \`${action}\` | ${cells.join(" | ")} |`;
  });
  expectTable("roles", [
    `| action | no token | ${ROLES.join(" | ")} |`,
    `| --- | ${callers.map(() => "---").join(" | ")} |`,
    ...rows,
  ]);
});

it("lists every request that takes an API token, and who may make it", () => {
  const operations: readonly Operation[] = [
    ...signOperations(undefined as never, () => undefined),
    ...ringOperations(undefined as never, () => null),
    ...auditOperations({} as never, undefined as never),
    ...apiTokenOperations(undefined as never),
  ];
  const rows = operations.map(({ method, path, action, about }) => {
    const roles = action === null ? ["any"] : ROLES.filter((role) => mayDo(role, action));
    return `| \`${method} ${path}\` | ${roles.join(", ")} | ${about} |`;
  });
  expect(rows.length).toBeGreaterThan(10);
  expectTable("requests", ["| request | roles | what |", "| --- | --- | --- |", ...rows]);
});

it("gives every limit as it is in src", () => {
  const [, table = ""] = page.split(/<!-- limits: .*-->|<!-- end of limits -->/);
  const rows = [...table.matchAll(/^\| [^|]+ \| ([^|]+) \| `(\w+)` in `([^`]+)` \|$/gm)];
  expect(rows.length).toBeGreaterThan(50);
  for (const [, value = "", name = "", file = ""] of rows) {
    const source = readFileSync(join("src", file), "utf8");
    const found = source.match(new RegExp(`\\bconst ${name}\\b[^=;]*=([^;]*);`))?.[1];
    expect(found, `${name} in ${file}`).toBeDefined();
    const wanted = numbersIn((found as string).replace(/\/\/.*$/gm, "").replaceAll("_", ""));
    expect(numbersIn(value.replaceAll(",", "")).slice(0, wanted.length), `${name}: ${value}`).toEqual(wanted);
  }
  // And lists no row that this cannot read.
  const lines = table.split("\n").filter((line) => /^\| [^*]/.test(line));
  expect(lines.length - 2).toBe(rows.length);
});

it("names files and settings that there are", () => {
  for (const [path] of page.matchAll(/\bdeploy\/[\w./-]+\w/g)) expect(existsSync(path), path).toBe(true);
  for (const [, path = ""] of page.matchAll(/\]\((\w+\.md)\)/g)) expect(existsSync(path), path).toBe(true);
});

/** How a block is tried, by its language. */
const WAYS: Readonly<Record<string, (block: Block, index: number) => Promise<void> | void>> = {
  async sh({ code }) {
    if (SERVER.test(code)) return startServer(code);
    // A refusal is an answer to curl, and must not be one here.
    const strict = code.replaceAll("curl -s", "curl --fail-with-body -s");
    const { status, stdout, stderr } = shell(strict, { cwd: folder, url });
    expect(status, `${code}\n${stdout}\n${stderr}`).toBe(0);
  },
  ts({ code }, index) {
    const file = join(folder, `program-${index}.ts`);
    writeFileSync(file, code.replaceAll(SHOWN_URL, url));
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], { cwd: folder, encoding: "utf8" });
    expect(status, `${code}\n${stderr}`).toBe(0);
    expect(stdout).not.toBe("");
  },
  async yaml({ code }, index) {
    if (code.startsWith("# prometheus.yml")) return expectScraped(parse(code));
    const file = join(folder, `settings-${index}.yaml`);
    writeFileSync(file, code);
    const { file: read } = await readConfig({}, {}, file);
    expect(read).toBe(file);
  },
};

function expectScraped(settings: { rule_files: string[]; scrape_configs: unknown[] }): void {
  for (const path of settings.rule_files) expect(existsSync(join(folder, path)), path).toBe(true);
  expect(settings.scrape_configs).toHaveLength(1);
}

/** In the terminal of its own that the page speaks of; the one before has been stopped there. */
async function startServer(code: string): Promise<void> {
  await stopServer();
  const started = spawn("bash", ["-c", terminalScript(code, url)], {
    cwd: folder,
    env: terminalEnvironment(url),
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  server = started;
  let said = "";
  await new Promise<void>((ready, failed) => {
    started.stderr?.on("data", (chunk) => {
      said += chunk;
    });
    started.stdout?.on("data", (chunk) => {
      if (`${chunk}`.includes("keyturn is serving")) ready();
    });
    started.on("exit", () => failed(new Error(`${code} ended: ${said}`)));
  });
}

/** Ctrl-C reaches the whole group, as it does in a terminal. */
async function stopServer(): Promise<void> {
  const stopping = server;
  server = null;
  if (stopping?.pid === undefined || stopping.exitCode !== null) return;
  const ended = new Promise((resolveEnd) => stopping.once("exit", resolveEnd));
  process.kill(-stopping.pid, "SIGINT");
  await ended;
}

function expectTable(name: string, rows: readonly string[]): void {
  // Read again: the tests of this file write one after the other.
  const before = readFileSync(PAGE, "utf8");
  const after = withTable(before, name, rows);
  if (process.env["UPDATE_README"] === "1") writeFileSync(PAGE, after);
  else expect(before).toBe(after);
}

function numbersIn(text: string): number[] {
  return (text.match(/\d+(\.\d+)?/g) ?? []).map(Number);
}
