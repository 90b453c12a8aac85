/**
 * For mutation testing: properties draw the same few cases for every mutant. Which mutants live must
 * not be a matter of luck, and a mutant that survives waits for every case of every property.
 */
import { vi } from "vitest";

const CASES_MAX = 10;

vi.mock("fast-check", async (importOriginal) => {
  const { default: fc } = await importOriginal<typeof import("fast-check")>();
  const assert: typeof fc.assert = (property, parameters = {}) =>
    fc.assert(property as never, {
      ...parameters,
      seed: 1,
      endOnFailure: true,
      numRuns: Math.min(parameters.numRuns ?? CASES_MAX, CASES_MAX),
    });
  return { ...fc, default: { ...fc, assert } };
});
