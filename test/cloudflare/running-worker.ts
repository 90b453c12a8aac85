/** A real `wrangler dev` in a folder and on a port of its own, which ends with the tests that started it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { afterAll } from "vitest";
import { freePort } from "../package/page.ts";

type Texts = Readonly<Record<string, string>>;

export interface WorkerOptions {
  /** Settings, as KEYTURN_…. KEYTURN_ISSUER is the Worker's own URL where it is not given. */
  readonly vars?: Texts;
  /** What is given beside `SECRETS`, or instead of one of them; null: that one is not. */
  readonly secrets?: Readonly<Record<string, string | null>>;
  /**
   * A `wrangler.toml`, whose whole folder is copied. Default: the one of this repository. What it imports from
   * `keyturn/…` or from `dist` is what was built when the test began.
   */
  readonly config?: string;
  /** More files, by their paths in the folder where it runs; `config` may be one of them. */
  readonly files?: Texts;
  /** More arguments for `wrangler dev`. */
  readonly args?: readonly string[];
}

export interface RunningWorker {
  readonly url: string;
  /** Folder of the copy, with `.wrangler/state`. */
  readonly folder: string;
  /** Every line that was written, by all starts, oldest first. */
  log(): string[];
  /** Those of them that the Worker has logged. */
  lines(): LogLine[];
  /** Resolves when wrangler has ended and nobody had asked it to: to its exit status, or null when a signal ended it. */
  readonly ended: Promise<number | null>;
  /** As Ctrl-C does, and waits until no process of it is left. */
  stop(): Promise<void>;
  /** Ends it, by default as `stop`, and starts it again, with the same URL and state. */
  restart(signal?: "SIGINT" | "SIGKILL"): Promise<void>;
}

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** They protect nothing: they are known to everybody. */
export const SECRETS: Readonly<Record<"KEYTURN_KEK" | "KEYTURN_API_TOKEN" | "KEYTURN_ADMIN_TOKEN", string>> =
  {
    KEYTURN_KEK: "Zt1nB2cV6f8QwErTyU9iOpAsDfGhJkLzXcVbNm45678",
    KEYTURN_API_TOKEN: "q7Ph3hWq0dV5m2KcXz9TtR4uY8bN1sLfGjE6aZvDxQo",
    KEYTURN_ADMIN_TOKEN: "Jk4xT9mQ2vB7nZ1cW8rL5yH3gF6dS0pA_eUiOtRqXwM",
  };

/** Nothing of Cloudflare's is asked, and nobody is told. */
export const OFFLINE: Texts = { CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false" };

export const WRANGLER: string = resolve("node_modules/wrangler/bin/wrangler.js");

const groups = new Set<ChildProcess>();
const folders = new Set<string>();

afterAll(async () => {
  await Promise.all([...groups].map((child) => ended(child, "SIGKILL")));
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
process.once("exit", () => {
  for (const child of groups) signalled(child, "SIGKILL");
});

/** Once it answers. */
export async function startWorker(options: WorkerOptions = {}): Promise<RunningWorker> {
  const folder = mkdtempSync(join(tmpdir(), "keyturn-worker-"));
  folders.add(folder);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const { config: given = "wrangler.toml", files = {} } = options;
  const config = copied(folder, given in files ? null : given) ?? given;
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  writeFileSync(
    join(folder, "given.env"),
    environmentText({ KEYTURN_ISSUER: url, ...options.vars, ...SECRETS, ...options.secrets }),
  );
  const args = [
    ...["dev", "--config", config, "--env-file", join(folder, "given.env"), "--port", `${port}`],
    ...["--ip", "127.0.0.1", "--inspector-port", "0", "--persist-to", join(folder, ".wrangler/state")],
    ...["--show-interactive-dev-session=false", ...(options.args ?? [])],
  ];
  const heard: string[] = [];
  let died: (status: number | null) => void = () => {};
  const diedUnasked = new Promise<number | null>((resolveDied) => {
    died = resolveDied;
  });
  const start = async () => {
    const begun = await started(folder, args, heard);
    begun.once("exit", (status) => groups.has(begun) && died(status));
    return begun;
  };
  let child = await start();

  return {
    url,
    folder,
    ended: diedUnasked,
    log: () => [...heard],
    lines: () => heard.flatMap(logLine),
    stop: () => ended(child, "SIGINT"),
    async restart(signal = "SIGINT") {
      await ended(child, signal);
      child = await start();
    },
  };
}

/** A copy, because wrangler starts anew whatever is built beside it, and a test's own build must not end another's. */
function copied(folder: string, config: string | null): string | null {
  for (const name of ["package.json", "tsconfig.build.json", "dist"])
    cpSync(name, join(folder, name), { recursive: true });
  symlinkSync(resolve("node_modules"), join(folder, "node_modules"));
  if (config === null) return null;
  const own = relative(resolve("."), resolve(config));
  if (dirname(own) !== ".") cpSync(dirname(own), join(folder, dirname(own)), { recursive: true });
  const withoutBuild = readFileSync(config, "utf8").replace(/^\[build\]\n(?:(?!\[).*\n)*/m, "");
  writeFileSync(join(folder, own), withoutBuild);
  return own;
}

function environmentText(values: Readonly<Record<string, string | null>>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}='${value}'\n`)
    .join("");
}

async function started(folder: string, args: readonly string[], heard: string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, [WRANGLER, ...args], {
    cwd: folder,
    env: {
      ...environmentOfWrangler(),
      // Else all of a machine find each other there, and log to one folder.
      WRANGLER_REGISTRY_PATH: join(folder, ".wrangler/registry"),
      WRANGLER_LOG_PATH: join(folder, ".wrangler/logs"),
    },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  groups.add(child);
  const from = heard.length;
  const ready = new Promise<void>((resolveReady, fail) => {
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on("line", (line) => {
        heard.push(stripVTControlCharacters(line));
        if (line.includes("Ready on http")) resolveReady();
      });
    }
    child.once("close", () => fail(new Error(`wrangler dev ended:\n${heard.slice(from).join("\n")}`)));
  });
  await ready;
  return child;
}

/** Of the environment of whoever runs the tests, what does not tell wrangler or the Worker anything. */
export function environmentOfWrangler(): NodeJS.ProcessEnv {
  const clean = Object.entries(process.env).filter(
    ([name]) => !/^(KEYTURN_|NODE_|VITEST|CLOUDFLARE_|WRANGLER_|MINIFLARE_)/.test(name),
  );
  return { ...Object.fromEntries(clean), ...OFFLINE };
}

/** Ends the whole group: wrangler, and its workerd. */
export async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  groups.delete(child);
  if (!signalled(child, signal)) return;
  if (child.exitCode === null && child.signalCode === null) {
    await Promise.race([once(child, "close"), delay(STOP_MILLISECONDS)]);
  }
  for (let tries = 0; signalled(child, 0); tries += 1) {
    if (tries > STOP_MILLISECONDS / 50) signalled(child, "SIGKILL");
    await delay(50);
  }
}

const STOP_MILLISECONDS = 10_000;

/** Whether there was a process to tell. */
function signalled({ pid }: ChildProcess, signal: NodeJS.Signals | 0): boolean {
  if (pid === undefined) return false;
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}

/** Wrangler puts its own words before what is written as a warning or an error. */
function logLine(text: string): LogLine[] {
  const [json] = /\{"level":.*\}$/.exec(text) ?? [];
  return json === undefined ? [] : [JSON.parse(json) as LogLine];
}
