/** At the computed holds nothing is rejected; a second below them, something is. */
import { expect, it } from "vitest";
import { tightness } from "../proof/tightness.ts";

it("needs each hold to the second", async () => {
  const rows = await tightness.run({ share: 0.005, seed: 1 });
  expect(rows).toHaveLength(4);
  expect(rows.filter(({ ok }) => !ok)).toEqual([]);
});
