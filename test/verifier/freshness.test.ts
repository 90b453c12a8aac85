/** The rules over age, by themselves. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { secondsSince } from "../../src/clock.ts";
import {
  backOffSeconds,
  type FreshnessLimits,
  stageOf,
  type Validity,
  validityOf,
} from "../../src/verifier/freshness.ts";

const LIMITS: FreshnessLimits = { freshSeconds: 600, minFreshSeconds: 60, maxFreshSeconds: 3600 };
const AT = { now: 1_800_000_000, monotonic: 5000 };

const seconds = fc.double({ min: 0, max: 1e7, noNaN: true });
const chances = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const limits = fc
  .tuple(
    fc.integer({ min: 1, max: 5000 }),
    fc.integer({ min: 1, max: 5000 }),
    fc.integer({ min: 1, max: 5000 }),
  )
  .map(
    ([freshSeconds, one, other]): FreshnessLimits => ({
      freshSeconds,
      minFreshSeconds: Math.min(one, other),
      maxFreshSeconds: Math.max(one, other),
    }),
  );

describe("age", () => {
  it.each([
    [10, 10, 10],
    [-1_000_000, 10, 10],
    [1_000_000, 10, 1_000_000],
    [10, 0, 10],
    [0, 0, 0],
  ])("with %d on the wall and %d since boot is %d", (wall, sinceBoot, age) => {
    expect(secondsSince(AT, { now: AT.now + wall, monotonic: AT.monotonic + sinceBoot })).toBe(age);
  });
});

describe("validity", () => {
  it("is counted from the request", () => {
    expect(validityOf({ maxAgeSeconds: 1000, ageSeconds: 0 }, AT, LIMITS, 0.5)).toEqual({
      since: AT,
      freshSeconds: 1000,
      refreshSeconds: 800,
    });
  });

  it("lies between the limits whatever a server says, and is never longer than what it says but for the least", () => {
    fc.assert(
      fc.property(fc.option(seconds), seconds, limits, chances, (maxAgeSeconds, age, limit, chance) => {
        const { freshSeconds } = validityOf({ maxAgeSeconds, ageSeconds: age }, AT, limit, chance);
        expect(freshSeconds).toBeGreaterThanOrEqual(limit.minFreshSeconds);
        expect(freshSeconds).toBeLessThanOrEqual(limit.maxFreshSeconds);
        const told = (maxAgeSeconds ?? limit.freshSeconds) - age;
        if (freshSeconds > limit.minFreshSeconds) expect(freshSeconds).toBeLessThanOrEqual(told);
      }),
    );
  });

  it("ends after its refresh is due, which is between seven and nine tenths of it", () => {
    fc.assert(
      fc.property(fc.option(seconds), seconds, limits, chances, (maxAgeSeconds, age, limit, chance) => {
        const { freshSeconds, refreshSeconds } = validityOf(
          { maxAgeSeconds, ageSeconds: age },
          AT,
          limit,
          chance,
        );
        expect(refreshSeconds / freshSeconds).toBeGreaterThanOrEqual(0.7 - 1e-9);
        expect(refreshSeconds / freshSeconds).toBeLessThan(0.9 + 1e-9);
      }),
    );
  });
});

describe("the stage", () => {
  const validity: Validity = { since: AT, refreshSeconds: 480, freshSeconds: 600 };

  it.each([
    [0, "fresh"],
    [479.999, "fresh"],
    [480, "due"],
    [599.999, "due"],
    [600, "stale"],
    [4199.999, "stale"],
    [4200, "expired"],
    [1e9, "expired"],
  ])("at %d seconds is %s", (age, stage) => {
    expect(stageOf(validity, age, 3600)).toBe(stage);
  });

  it("goes from due to expired where nothing stale is borne", () => {
    expect(stageOf(validity, 599.999, 0)).toBe("due");
    expect(stageOf(validity, 600, 0)).toBe("expired");
  });

  it("of a clock that went back is fresh", () => {
    expect(stageOf(validity, -5, 3600)).toBe("fresh");
  });
});

describe("back-off", () => {
  it("is at most 30 seconds by itself after any number of failures", () => {
    for (const failures of [6, 10, 100, 5000]) {
      expect(backOffSeconds(failures, null, 0)).toBe(15);
      expect(backOffSeconds(failures, null, 0.5)).toBe(22.5);
    }
  });

  it("never falls with more failures, nor below half a second, nor above 300", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2000 }),
        fc.option(fc.double({ min: 0, max: 1e10, noNaN: true })),
        chances,
        (failures, asked, chance) => {
          const pause = backOffSeconds(failures, asked, chance);
          expect(pause).toBeGreaterThanOrEqual(0.5);
          expect(pause).toBeLessThanOrEqual(300);
          expect(backOffSeconds(failures + 1, asked, chance)).toBeGreaterThanOrEqual(pause);
          if (asked !== null) expect(pause).toBeGreaterThanOrEqual(Math.min(asked, 300));
        },
      ),
    );
  });
});
