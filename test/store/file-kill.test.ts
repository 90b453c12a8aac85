/** Commits by real processes: killed at every call they make of the file system, and racing each other. */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { fileStore, KEPT_GENERATIONS } from "../../src/store/file.ts";
import { filesIn, newRingFolder, ringFile, temporariesIn } from "./folders.ts";

const TIMEOUT = 60_000;

describe("fileStore in a process that is killed", () => {
  // Ten commits come before, so that the eleventh also prunes and has all calls that a commit can have.
  for (const { name, commits } of [
    { name: "the first commit", commits: 0 },
    { name: "a commit that prunes", commits: 10 },
  ]) {
    for (const when of ["before", "after"]) {
      it(`leaves the old ring or the new one: ${name}, ${when} every call`, {
        timeout: TIMEOUT,
      }, async () => {
        const found = await untilSurvived((call) => killed(commits, when, call));
        expect(found.length).toBeGreaterThan(12);
        // Old up to the link, new from it on, and never old again.
        expect(found).toEqual([...found].sort((a, b) => Number(a === "new") - Number(b === "new")));
        expect(new Set(found)).toEqual(new Set(["old", "new"]));
      });
    }
  }
});

describe("fileStore in 8 processes at once", () => {
  const processes: ChildProcess[] = [];
  afterEach(() => {
    for (const child of processes.splice(0)) child.kill("SIGKILL");
  });

  it("lets exactly one of them win each of 25 rounds, and loses none", { timeout: TIMEOUT }, async () => {
    const folder = await newRingFolder();
    for (let child = 0; child < 8; child++) processes.push(fork(script("racing-commits.ts"), [folder]));
    let expected: string | null = null;
    for (let round = 1; round <= 25; round++) {
      const loaded = await Promise.all(processes.map((child) => ask(child, "load")));
      expect(new Set(loaded)).toEqual(new Set([expected]));

      const outcomes = await Promise.all(
        processes.map((child, index) => ask(child, `round ${round} by ${index}`)),
      );
      const winner = outcomes.indexOf("committed");
      expect([...outcomes].sort()).toEqual(["committed", ...Array.from({ length: 7 }, () => "conflict")]);
      const stored = await fileStore(folder).load();
      expect(stored?.document).toBe(`round ${round} by ${winner}`);
      expect(stored?.revision).toMatch(new RegExp(`^${round}\\.`));
      expected = stored?.revision ?? null;
    }
    expect(await filesIn(folder)).toEqual([24, 25].map(ringFile));
  });
});

/**
 * Runs `attempt` for call 1, 2 and so on, a few at a time, until one survives because it has no
 * such call. Returns what the others found.
 */
async function untilSurvived<T>(attempt: (call: number) => Promise<T | "survived">): Promise<T[]> {
  const found: T[] = [];
  const abreast = 2 * availableParallelism();
  for (let first = 1; ; first += abreast) {
    const calls = Array.from({ length: abreast }, (_, index) => first + index);
    for (const result of await Promise.all(calls.map(attempt))) {
      if (result === "survived") return found;
      found.push(result);
    }
  }
}

/** A process commits `new` and is killed at that call; which ring it left, after all that must hold was checked. */
async function killed(commits: number, when: string, call: number): Promise<"old" | "new" | "survived"> {
  const folder = await newRingFolder();
  const store = fileStore(folder);
  let revision: string | null = null;
  for (let commit = 1; commit <= commits; commit++)
    revision = await store.replace(`commit ${commit}`, revision);
  const old = await store.load();

  const child = spawn(process.execPath, [script("killed-commit.ts"), folder, "new", when, String(call)]);
  const [status, signal] = await once(child, "exit");
  if (signal === null) {
    expect(status).toBe(0);
    expect((await store.load())?.document).toBe("new");
    return "survived";
  }

  expect(signal).toBe("SIGKILL");
  const found = await store.load();
  const ring = found?.document === "new" ? "new" : "old";
  if (ring === "old") expect(found).toEqual(old);

  // Nobody has to clean up by hand: the next commit goes through and takes what was left with it.
  await store.replace("after", found?.revision ?? null);
  expect((await store.load())?.document).toBe("after");
  expect(await temporariesIn(folder)).toEqual([]);
  const last = commits + (ring === "new" ? 2 : 1);
  const kept = Array.from({ length: Math.min(last, KEPT_GENERATIONS) }, (_, index) =>
    ringFile(last - index),
  ).reverse();
  expect(await filesIn(folder)).toEqual(kept);
  return ring;
}

/** The answer of a process, or how it ended instead. */
function ask(child: ChildProcess, message: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (status: number | null) => reject(new Error(`The process ended with status ${status}.`));
    child.once("exit", ended);
    child.once("message", (answer) => {
      child.off("exit", ended);
      resolve(answer);
    });
    child.send(message, (error) => {
      if (error !== null) reject(error);
    });
  });
}

function script(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
