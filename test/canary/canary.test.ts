/** A small share of the search that `npm run prove` makes in full. */
import { expect, it } from "vitest";
import { canary } from "../proof/canary.ts";

it("no secret comes out anywhere", async () => {
  const rows = await canary.run({ share: 0.02, seed: 20_270_115 });

  expect(rows).toHaveLength(7);
  expect(rows.filter(({ ok }) => !ok)).toEqual([]);
});
