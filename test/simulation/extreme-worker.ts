/** A thread that arranges extreme worlds, with a hold that is cut short or not. */
import { parentPort, workerData } from "node:worker_threads";
import { chanceOf } from "./chance.ts";
import { patchModules } from "./module-patches.ts";

export interface ExtremeJob {
  readonly hold: "emit" | "retire";
  readonly shorterBySeconds: number;
  readonly seed: number;
  readonly worlds: number;
}

const { hold, shorterBySeconds, seed, worlds } = workerData as ExtremeJob;
const first = { emit: "refresh", retire: "lease" }[hold];
// Past parsePolicy, which would refuse it.
patchModules(true, [
  {
    module: "ring/hold.ts",
    find: "return { seconds: Math.max(overlap, sum),",
    replace: `return { seconds: Math.max(overlap, sum) - (terms[0]?.name === "${first}" ? ${shorterBySeconds} : 0),`,
  },
]);

const { extremePolicy, rejectsFirstToken, rejectsLastToken } = await import("./extreme-world.ts");
const rejects = hold === "emit" ? rejectsFirstToken : rejectsLastToken;
const chance = chanceOf(seed);
let rejected = 0;
for (let world = 0; world < worlds; world++) if (await rejects(extremePolicy(chance))) rejected++;
parentPort?.postMessage(rejected);
