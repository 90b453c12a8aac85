/**
 * Where strace cannot be had: a process that kills itself before or after the calls that the store
 * makes of node:fs. It is coarser than system calls, and I/O errors are left to the store's own tests.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { fileStore } from "../../src/store/file.ts";
import type { Row } from "../proof/section.ts";
import { hookedIo } from "../store/hooked-io.ts";
import { abreast } from "./abreast.ts";
import { aftermath, NEW } from "./aftermath.ts";
import { history } from "./faulted-commits.ts";
import { inScratch } from "./scratch.ts";
import { spread, verdict } from "./verdict.ts";

/** As many commits come first as make the next one prune. */
const COMMITS = 4;

const KILLED_COMMIT = fileURLToPath(new URL("../store/killed-commit.ts", import.meta.url));

export async function hookedKills(share: number): Promise<Row[]> {
  const calls = Array.from({ length: await callsOfCommit() }, (_, index) => index + 1);
  const all = calls.flatMap((call) => ["before", "after"].map((when) => ({ when, call })));
  const points = spread(all, share);
  const violations = await abreast(points, async ({ when, call }) => {
    const found = await killedAt(when, call);
    return found.map((violation) => `${when} call ${call}: ${violation}`);
  });
  const figure = `${points.length} points (STRACE IS NOT INSTALLED: node:fs hooked in its place)`;
  return [verdict("a commit killed at a call of the file system", figure, violations.flat())];
}

async function callsOfCommit(): Promise<number> {
  return inScratch(async (home) => {
    const folder = join(home, "ring");
    await history(folder, COMMITS);
    const made: string[] = [];
    const io = hookedIo({ before: ({ name }) => void made.push(name) });
    await fileStore(folder, io).replace(NEW, (await fileStore(folder).load())?.revision ?? null);
    return made.length;
  });
}

async function killedAt(when: string, call: number): Promise<string[]> {
  return inScratch(async (home) => {
    const folder = join(home, "ring");
    await history(folder, COMMITS);
    const old = await fileStore(folder).load();
    const child = spawn(process.execPath, [KILLED_COMMIT, folder, NEW, when, String(call)]);
    const [, signal] = await once(child, "exit");
    return signal === null ? ["it was never made"] : aftermath({ folder, old, outcome: null });
  });
}
