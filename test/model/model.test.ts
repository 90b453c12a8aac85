/** A small share of the search that `npm run prove` makes in full. */
import { describe, expect, it } from "vitest";
import { runsOf } from "../fuzz/search.ts";
import { MODELLED } from "../proof/model.ts";

const SHARE = 0.015;

describe("whatever is done to", () => {
  for (const { what, runs, rowsOf } of MODELLED)
    it(`${what}, it is as the model says`, async () => {
      const rows = await rowsOf({ runs: runsOf(runs, SHARE), seed: 20_270_115 });
      expect(rows.length).toBeGreaterThan(0);
      expect(rows.filter(({ ok }) => !ok)).toEqual([]);
    });
});
