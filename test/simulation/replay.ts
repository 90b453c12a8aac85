/**
 * Lives one world again and tells its story: `npm run simulate -- --seed 42 --kind lean`.
 * With `--bug "sign at birth"` as it is with that bug planted.
 */
import { parseArgs } from "node:util";
import { inThreads } from "./crew.ts";
import type { WorldKind } from "./job.ts";
import { PLANTED_BUGS } from "./planted-bugs.ts";
import { TURNOVERS_PER_WORLD } from "./scale.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    kind: { type: "string", default: "lean" },
    bug: { type: "string" },
  },
});
const bug = PLANTED_BUGS.find(({ name }) => name === values.bug);
if (values.bug !== undefined && bug === undefined) throw new Error(`No bug is called ${values.bug}.`);

const [summary] = await inThreads([
  {
    kind: values.kind as WorldKind,
    firstSeed: Number(values.seed),
    worlds: 1,
    turnovers: TURNOVERS_PER_WORLD,
    isTold: true,
    ...(bug === undefined ? {} : { patches: bug.patches }),
  },
]);
console.log(summary?.stories.join("\n"));
const [broken] = summary?.broken ?? [];
console.log(broken === undefined ? "No promise was broken." : `Broken: ${broken.invariant}: ${broken.what}`);
process.exitCode = broken === undefined ? 0 : 1;
