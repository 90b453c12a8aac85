import { expect, it } from "vitest";
import { race } from "./races.ts";

const WRITERS = 32;
/** A proof runs `race` for longer. */
const ROUNDS = 40;

it(`of ${WRITERS} writers exactly one wins each of ${ROUNDS} rounds, and no label or version is left over`, {
  timeout: 120_000,
}, async () => {
  const { faults, versions } = await race(WRITERS, ROUNDS);
  expect(faults).toEqual([]);
  // The service keeps about a hundred, whatever a round leaves.
  expect(versions).toBeLessThanOrEqual(101);
});
