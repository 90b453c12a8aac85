/** A commit that is killed, or whose disk fails, at every system call that it makes. */
import { join } from "node:path";
import { fileStore } from "../../src/store/file.ts";
import type { Row } from "../proof/section.ts";
import { abreast } from "./abreast.ts";
import { aftermath } from "./aftermath.ts";
import { inScratch } from "./scratch.ts";
import { callsIn, commitTraced, type Fault, type SystemCall } from "./system-calls.ts";
import { spread, verdict } from "./verdict.ts";

/** Commits that came before: none, so that folders are made, or enough that old numbers are pruned. */
const BEGINNINGS = [0, 4] as const;

interface Point {
  readonly commits: number;
  readonly at: SystemCall;
  readonly fault: Fault;
}

/** A row for each kind of fault. */
export async function faultedCommits(share: number): Promise<Row[]> {
  const calls = await Promise.all(
    BEGINNINGS.map(async (commits) => ({ commits, calls: await callsOf(commits) })),
  );
  const rows: Row[] = [];
  for (const fault of ["SIGKILL", "EIO", "ENOSPC"] as const) {
    const all = calls.flatMap(({ commits, calls: made }) =>
      made.filter(({ onRing }) => onRing || fault === "SIGKILL").map((at): Point => ({ commits, at, fault })),
    );
    rows.push(await rowOf(fault, spread(all, share), all.length));
  }
  return rows;
}

async function rowOf(fault: Fault, points: readonly Point[], all: number): Promise<Row> {
  const found = await abreast(points, meet);
  const met = found.filter(({ isMet }) => isMet).length;
  const of = points.length === all ? "" : ` (of ${all} in the full run)`;
  const violations = found.flatMap(({ violations: each }) => each);
  const missed = found.flatMap(({ isMet }, index) =>
    isMet ? [] : [`${named(points[index])} was never made`],
  );
  const what =
    fault === "SIGKILL"
      ? "a commit killed at a system call (strace)"
      : `${fault} at a system call of a commit (strace)`;
  return verdict(what, `${met}/${points.length} points${of}`, [...violations, ...missed]);
}

async function callsOf(commits: number): Promise<SystemCall[]> {
  return inScratch(async (home) => {
    await history(join(home, "ring"), commits);
    const { trace } = await commitTraced(join(home, "ring"), join(home, "trace"));
    return callsIn(trace, home);
  });
}

async function meet({ commits, at, fault }: Point): Promise<{ isMet: boolean; violations: string[] }> {
  return inScratch(async (home) => {
    const folder = join(home, "ring");
    await history(folder, commits);
    const old = await fileStore(folder).load();
    const { outcome, trace } = await commitTraced(folder, join(home, "trace"), { at, fault });
    const mark = fault === "SIGKILL" ? "killed by SIGKILL" : "(INJECTED)";
    const isMet = trace.some((line) => line.includes(mark)) && (fault !== "SIGKILL" || outcome === null);
    const violations = await aftermath({ folder, old, outcome });
    return {
      isMet,
      violations: violations.map((violation) => `${named({ commits, at, fault })}: ${violation}`),
    };
  });
}

export async function history(folder: string, commits: number): Promise<void> {
  const store = fileStore(folder);
  let revision: string | null = null;
  for (let commit = 1; commit <= commits; commit++)
    revision = await store.replace(`commit ${commit}`, revision);
}

function named(point: Point | undefined): string {
  return `${point?.fault} at ${point?.at.name} ${point?.at.nth} after ${point?.commits} commits`;
}
