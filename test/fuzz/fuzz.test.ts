/** A small share of the search that `npm run prove` makes in full. */
import { describe, expect, it } from "vitest";
import { FUZZED } from "../proof/fuzz.ts";

const EXTENT = { runs: 100, seed: 20_270_115 };

describe("whatever comes in", () => {
  for (const [kind, rowsOf] of Object.entries(FUZZED))
    it(`as ${kind} is answered or refused in words`, async () => {
      const rows = await rowsOf(EXTENT);
      expect(rows.length).toBeGreaterThan(0);
      expect(rows.filter(({ ok }) => !ok)).toEqual([]);
    });
});
