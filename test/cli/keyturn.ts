/** The built command line, each time a process of its own, in a folder of the test's own. */
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import process from "node:process";
import { text } from "node:stream/consumers";
import { afterEach, expect } from "vitest";

export const MAIN = resolve("dist/cli/main.js");

if (!process.version.startsWith("v24."))
  throw new Error(`These tests need Node 24, this is ${process.version}.`);

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** As which user, where the tests run as root. */
  readonly uid?: number;
}

const alive = new Set<ChildProcess>();

afterEach(() => {
  for (const child of alive) child.kill("SIGKILL");
  alive.clear();
});

/** Starts `keyturn` with these arguments. No setting of whoever runs the tests takes part in it. */
export function start(
  cwd: string,
  args: readonly string[],
  options: RunOptions & SpawnOptions = {},
): ChildProcess {
  const { input: _input, env = {}, ...more } = options;
  const clean = Object.entries(process.env).filter(([name]) => !/^(KEYTURN_|NODE_|VITEST)/.test(name));
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd,
    ...more,
    env: { ...Object.fromEntries(clean), ...env },
  });
  alive.add(child);
  child.once("exit", () => alive.delete(child));
  return child;
}

/** Runs `keyturn` to its end. */
export async function keyturn(
  cwd: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ended> {
  const child = start(cwd, args, { stdio: "pipe", ...options });
  child.stdin?.on("error", () => undefined).end(options.input ?? "");
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout as NonNullable<typeof child.stdout>),
    text(child.stderr as NonNullable<typeof child.stderr>),
    once(child, "close"),
  ]);
  return { status: status as number | null, stdout, stderr };
}

/** Runs `keyturn`, which must succeed and say nothing on the side, and gives its result. */
export async function result(
  cwd: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { status, stdout, stderr } = await keyturn(cwd, args, options);
  expect({ status, stderr }, args.join(" ")).toEqual({ status: 0, stderr: "" });
  return stdout;
}

/** The same with --json, whose whole stdout is one JSON value. */
export async function json<T>(cwd: string, args: readonly string[], options: RunOptions = {}): Promise<T> {
  return JSON.parse(await result(cwd, [...args, "--json"], options)) as T;
}

/** Runs `keyturn`, which must refuse with that status and code, have no result, and say what to do. */
export async function refused(
  cwd: string,
  args: readonly string[],
  { status, code }: { status: number; code: string },
  options: RunOptions = {},
): Promise<string> {
  const ended = await keyturn(cwd, args, options);
  expect({ status: ended.status, stdout: ended.stdout }, `${args.join(" ")}\n${ended.stderr}`).toEqual({
    status,
    stdout: "",
  });
  expect(ended.stderr).toMatch(/^keyturn: /);
  expect(ended.stderr).toContain(`[${code}]`);
  expect(ended.stderr).toMatch(/\n {2}→ .+\n$/);
  expect(ended.stderr).not.toMatch(/\bat .*\(?(file|node):/);
  return ended.stderr;
}
