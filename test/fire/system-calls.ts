/**
 * The system calls of one commit by a real process, and what becomes of it when one of them kills
 * the process or fails. strace attaches to the one thread that makes the calls, when everything but
 * the commit has been done; so they are the same calls in the same order every time.
 */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { NEW } from "./aftermath.ts";
import { inScratch } from "./scratch.ts";

/** The `nth` call of that name that the commit makes. */
export interface SystemCall {
  readonly name: string;
  readonly nth: number;
  /** Whether it is about a file or a folder of the ring, and not about waking another thread. */
  readonly onRing: boolean;
}

export type Fault = "SIGKILL" | "EIO" | "ENOSPC";

export interface Traced {
  /** What the process said of its commit; null when it ended before it said anything. */
  readonly outcome: string | null;
  /** The lines of strace. */
  readonly trace: readonly string[];
}

/** Whether strace is installed here and may look at other processes. */
export async function canTrace(): Promise<boolean> {
  return inScratch(async (folder) => {
    const traced = await commitTraced(join(folder, "ring"), join(folder, "trace")).catch(() => null);
    return traced?.outcome === "committed" && callsIn(traced.trace, folder).length > 0;
  });
}

/** The calls of a commit in `folder` that meets no fault, in their order. */
export function callsIn(trace: readonly string[], folder: string): SystemCall[] {
  const made = new Map<string, number>();
  return trace.flatMap((line) => {
    const name = /^(\w+)\(/.exec(line)?.[1];
    // The allocator asks for memory when it likes.
    if (name === undefined || name === "mmap") return [];
    const nth = (made.get(name) ?? 0) + 1;
    made.set(name, nth);
    return [{ name, nth, onRing: line.includes(folder) }];
  });
}

/** A process commits `NEW` to the ring in `folder`, and its call `at` meets the fault. */
export async function commitTraced(
  folder: string,
  traceFile: string,
  fault?: { readonly at: SystemCall; readonly fault: Fault },
): Promise<Traced> {
  const child = fork(COMMITTING, [folder], {
    execArgv: [],
    // One thread makes all calls of the file system, so that they can be counted.
    env: { ...process.env, UV_THREADPOOL_SIZE: "1" },
  });
  try {
    await answerOf(child);
    const strace = spawn("strace", [
      ...["-p", await fileThreadOf(child), "-o", traceFile, "-yy"],
      ...(fault === undefined ? ["-e", "trace=%file,%desc"] : injecting(fault)),
    ]);
    const detached = once(strace, "close");
    await Promise.race([once(strace.stderr, "data"), detached.then(notAttached)]);
    child.send(NEW);
    const outcome = await answerOf(child);
    child.kill("SIGKILL");
    await detached;
    return { outcome, trace: (await readFile(traceFile, "utf8")).split("\n") };
  } finally {
    child.kill("SIGKILL");
  }
}

const COMMITTING = fileURLToPath(new URL("committing.ts", import.meta.url));

function injecting({ at: { name, nth }, fault }: { at: SystemCall; fault: Fault }): string[] {
  const what = fault === "SIGKILL" ? "signal=SIGKILL" : `error=${fault}`;
  return ["-e", `trace=${name}`, "-e", `inject=${name}:${what}:when=${nth}`];
}

/** What the process says next; null when it ends instead. */
async function answerOf(child: ChildProcess): Promise<string | null> {
  const ended = new AbortController();
  const said = once(child, "message", { signal: ended.signal }).then(([message]) => message as string);
  said.catch(() => undefined);
  const silent = once(child, "close", { signal: ended.signal }).then(() => null);
  silent.catch(() => undefined);
  return Promise.race([said, silent]).finally(() => ended.abort());
}

async function fileThreadOf({ pid }: ChildProcess): Promise<string> {
  for (const thread of await readdir(`/proc/${pid}/task`)) {
    const name = await readFile(`/proc/${pid}/task/${thread}/comm`, "utf8");
    if (name.trim() === "libuv-worker") return thread;
  }
  throw new Error("The process has no thread for files.");
}

function notAttached(): never {
  throw new Error("strace may not attach to a process here.");
}
