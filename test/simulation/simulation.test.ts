/** A small share of the simulated worlds; `npm run prove` lives through all of them. */
import { expect, it } from "vitest";
import { simulation } from "../proof/simulation.ts";
import { simulate } from "./crew.ts";
import { FAULTS } from "./faults.ts";

it("keeps every promise in worlds where everything goes wrong", { timeout: 180_000 }, async () => {
  const rows = await simulation.run({ share: 0.002, seed: 1 });
  expect(rows.filter(({ ok }) => !ok)).toEqual([]);
  expect(rows.map(({ what }) => what)).toEqual(expect.arrayContaining([...FAULTS]));
});

it.each(["full", "lean"] as const)("is the same world each time it is lived, %s", async (kind) => {
  const job = { kind, firstSeed: 77, worlds: 1, turnovers: 6, isTold: true };
  const [one, other] = [await simulate(job), await simulate(job)];
  expect(one.stories[0]?.split("\n").length).toBeGreaterThan(20);
  expect(other).toEqual(one);
});
