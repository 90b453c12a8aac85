/** A small share of what `npm run prove` does to the clocks in full; a test for each row, so that each says for itself. */
import { beforeAll, describe, expect, it } from "vitest";
import { clockJumps } from "../proof/clock-jumps.ts";
import type { Row } from "../proof/section.ts";

const ROWS = [
  "clock jumps: steps before their time by a right clock",
  "clock jumps: signatures past the lease",
  "clock jumps: honest tokens whose key a node with a right clock lacks",
  "clock jumps: turning over again once the clock is right",
  "a serving process stopped for longer than its lease",
  "a serving process whose clock jumps: signs on, turns nothing over",
  "a serving process whose clock jumps: ticks on once it is right",
];

describe(clockJumps.title, () => {
  let rows: Row[] = [];
  beforeAll(async () => {
    rows = await clockJumps.run({ share: 0.01, seed: 1 });
  }, 180_000);

  it("judges all of it", () => {
    expect(rows.map(({ what }) => what)).toEqual(ROWS);
  });

  it.each(ROWS)("%s", (name) => {
    const { figure, ok } = rows.find(({ what }) => what === name) as Row;
    expect({ figure, ok }).toEqual({ figure, ok: true });
  });
});
