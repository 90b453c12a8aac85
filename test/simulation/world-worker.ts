/** A thread that lives through worlds, one after the other. The product is loaded here, patched or not. */
import { parentPort, workerData } from "node:worker_threads";
import type { KeyRing } from "../../src/ring/ring.ts";
import { added, type Broken, type Job, NOTHING, type Summary } from "./job.ts";
import { patchModules } from "./module-patches.ts";

const job = workerData as Job;
// Refusals are daily bread here, and nobody reads where they came from.
Error.stackTraceLimit = job.isTold === true ? 10 : 0;
patchModules(job.kind === "lean", job.patches ?? []);

const { World } = await import("./world.ts");
const inhabitants = job.kind === "lean" ? await leanInhabitants() : await fullInhabitants();

let summary = NOTHING;
for (let seed = job.firstSeed; seed < job.firstSeed + job.worlds; seed++) {
  summary = added(summary, await lived(seed));
  if (job.untilBroken === true && summary.broken.length > 0) break;
}
parentPort?.postMessage(summary);

async function leanInhabitants() {
  const { ringIn } = await import("./stand-in-keys.ts");
  return { nodes: 2, posts: 3, ringOf: ringIn };
}

async function fullInhabitants() {
  const { countCryptoCalls } = await import("./rest.ts");
  const { settleOwnVerifiers } = await import("./own-verifier.ts");
  countCryptoCalls();
  const ringOf = (document: string) => (JSON.parse(document) as { ring: KeyRing }).ring;
  return { nodes: 3, posts: 4, ringOf, settle: settleOwnVerifiers };
}

async function lived(seed: number): Promise<Summary> {
  const { turnovers, isTold = false } = job;
  const world = new World({ seed, turnovers, isTold, ...inhabitants });
  const { violation, ...ledger } = await world.live();
  const broken: Broken[] = violation === null ? [] : [{ ...violation, kind: job.kind, seed }];
  return {
    worlds: 1,
    turnovers: ledger.turnovers,
    commits: ledger.commits,
    events: world.agenda.events,
    ...ledger.counts,
    faults: ledger.faults,
    margins: ledger.margins,
    broken,
    stories: isTold ? [world.story.toString()] : [],
  };
}
