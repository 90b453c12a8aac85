/**
 * The real command line in processes of its own: `serve --init` in a folder, and an operator's
 * commands on the same folder. What they do is known by what they print and answer alone.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { KeyturnError } from "../errors.ts";
import type { AuditRecord } from "../ring/audit.ts";

export interface NodeOptions {
  /** Path of the command line's main file. */
  readonly cli: string;
  /** Where it runs: working directory, and home of everything it keeps. */
  readonly folder: string;
  /** Its whole environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Settings by name, for the server and for every command. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  /** Whether it makes what is missing. Default true. */
  readonly init?: boolean;
  readonly onLog?: (line: LogLine) => void;
}

/** A line of the node's log, as far as anybody here reads it. */
export interface LogLine extends Partial<Pick<AuditRecord, "generation" | "oldKid" | "newKid" | "trigger">> {
  readonly msg?: string;
  readonly level?: number;
  readonly url?: string;
  readonly step?: AuditRecord["event"];
  readonly reason?: string | null;
  readonly earlyEmit?: boolean;
  /** Whether the node made this commit itself. */
  readonly own?: boolean;
}

export interface NodeProcess {
  readonly pid: number;
  readonly url: string;
  /** The first API token; empty where another machine has made it. */
  readonly apiToken: string;
  /** Runs a command on the same ring; resolves to what it printed. @throws KeyturnError `rehearsal_failed` */
  command(...words: readonly string[]): Promise<unknown>;
  send(signal: NodeJS.Signals): void;
  /** Resolves when the server has ended, to its exit status, or null when a signal ended it. */
  readonly ended: Promise<number | null>;
  /** The last lines of its log that were more than information. */
  lastWords(): string;
  /** Asks the server to stop and sees to it that it does. Resolves like `ended`. */
  stop(): Promise<number | null>;
}

/** Ends the server when its standard input does, which happens however this process ends, SIGKILL included. */
const LEASH =
  'data:text/javascript,process.stdin.on("end",()=>process.kill(process.pid,"SIGTERM")).resume().unref()';

/** Longer than a server takes over requests under way. */
const STOP_SECONDS_MAX = 15;

/** What of the log is told when the server ends unasked. */
const LAST_WORDS = 5;

/** @throws KeyturnError `rehearsal_failed` when the server ends before it serves. */
export async function startNode(options: NodeOptions, signal: AbortSignal): Promise<NodeProcess> {
  signal.throwIfAborted();
  const { cli, folder, environment: env, init = true, onLog = () => {} } = options;
  const flags = ["--folder", folder, ...flagsOf(options.settings)];
  const words = ["serve", ...(init ? ["--init"] : []), ...flags];
  const server = spawn(process.execPath, ["--import", LEASH, cli, ...words], {
    cwd: folder,
    env: { ...env },
    stdio: ["pipe", "ignore", "pipe"],
  });
  const kill = () => void server.kill("SIGKILL");
  process.once("exit", kill);
  const ended = endOf(server).finally(() => process.off("exit", kill));
  const lastWords: string[] = [];

  const url = await new Promise<string>((serving, failed) => {
    signal.addEventListener("abort", () => failed(signal.reason), { once: true });
    createInterface({ input: server.stderr }).on("line", (text) => {
      const line = parsed(text);
      if ((line.level ?? WARN) >= WARN) lastWords.splice(0, Math.max(0, lastWords.push(text) - LAST_WORDS));
      onLog(line);
      if (line.msg === "serving" && line.url !== undefined) serving(line.url);
    });
    void ended.then((status) => failed(endedUnasked(status, lastWords)));
  }).catch(async (error) => {
    kill();
    // What it had under way is over then, so whoever cleans up after it comes last.
    await ended;
    throw error;
  });

  return {
    pid: server.pid as number,
    url,
    apiToken: await tokenIn(join(folder, "api-token")),
    ended,
    lastWords: () => lastWords.join("\n"),
    send: (name) => void server.kill(name),
    async command(...words) {
      const run = promisify(execFile)(process.execPath, [cli, ...words, "--json", ...flags], {
        cwd: folder,
        env: { ...env },
        signal,
      });
      const { stdout } = await run.catch((error: Error & { stderr?: string }) => {
        signal.throwIfAborted();
        throw commandFailed(words[0] as string, error.stderr ?? error.message);
      });
      return JSON.parse(stdout);
    },
    async stop() {
      server.kill("SIGTERM");
      const late = new AbortController();
      void delay(STOP_SECONDS_MAX * 1000, undefined, { signal: late.signal }).then(kill, () => undefined);
      return ended.finally(() => late.abort());
    },
  };
}

async function tokenIn(file: string): Promise<string> {
  return existsSync(file) ? (await readFile(file, "utf8")).trim() : "";
}

/** pino's number for it; what is no log line at all weighs as much. */
const WARN = 40;

function parsed(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return {};
  }
}

async function endOf(server: ChildProcess): Promise<number | null> {
  const [status] = await once(server, "close");
  return status as number | null;
}

/** `jwksCacheSeconds: 7` → `--jwks-cache-seconds 7`. */
function flagsOf(settings: NodeOptions["settings"]): string[] {
  return Object.entries(settings).flatMap(([name, value]) => [
    `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    String(value),
  ]);
}

function endedUnasked(status: number | null, lastWords: readonly string[]): KeyturnError {
  return new KeyturnError(
    "rehearsal_failed",
    `The server ended${status === null ? "" : ` with status ${status}`} before it served. ${lastWords.join("\n")}`,
    { fix: "Check that this machine lets a process listen on 127.0.0.1 and write to the temporary folder." },
  );
}

function commandFailed(name: string, said: string): KeyturnError {
  return new KeyturnError("rehearsal_failed", `\`keyturn ${name}\` failed: ${said.trim()}`, {
    fix: "Rehearse again on an idle machine; if it lasts, please report it.",
  });
}
