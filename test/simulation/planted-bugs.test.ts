/** The simulation is worth something only if it notices: each bug that is planted must break a promise. */
import { expect, it } from "vitest";
import { plantedBugs } from "../proof/planted-bugs.ts";
import { PLANTED_BUGS } from "./planted-bugs.ts";

it("catches every planted bug", { timeout: 180_000 }, async () => {
  const rows = await plantedBugs.run({ share: 0.005, seed: 1 });
  expect(rows.filter(({ ok }) => !ok)).toEqual([]);
  expect(rows.at(-1)?.figure).toBe(`${PLANTED_BUGS.length}/${PLANTED_BUGS.length}`);
});
