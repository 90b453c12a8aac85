/** Any sequence of events: whatever operators and the schedule do, and whenever, the promises hold. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keysIn } from "../../src/ring/phase.ts";
import { nextStep } from "../../src/ring/plan.ts";
import { type Happening, happenings, kidMeant, live } from "./happening.ts";
import { type Witnessed, witnessOf } from "./promises.ts";
import { type SampleRing, sampleRing } from "./sample-ring.ts";
import { soundPolicies } from "./sound-policy.ts";

/** Shrinking a long history takes minutes; a shorter one than this is not worth them. */
const LIMIT = { interruptAfterTimeLimit: 20_000 };

function witnessed(sample: SampleRing, promises: Witnessed, happening: Happening) {
  if (happening.what === "revoke") promises.excuse(kidMeant(sample.ring, happening.which));
  const again = live(sample, happening);
  promises.see(sample.ring, sample.now);
  return again;
}

describe("whatever happens, in whatever order", () => {
  it("every promise of the design is kept, and a command repeated is the same as once", () => {
    fc.assert(
      fc.property(soundPolicies, fc.boolean(), happenings, (policy, probe, history) => {
        const sample = sampleRing(policy, { probe });
        const promises = witnessOf(sample.ring);
        for (const happening of history) {
          const again = witnessed(sample, promises, happening);
          if (again() !== null) throw new Error(`A second ${happening.what} would not be the same as once.`);
        }
      }),
      { numRuns: 3000, ...LIMIT },
    );
  });

  it("the ring comes to rest once it is left to the schedule", () => {
    fc.assert(
      fc.property(soundPolicies, fc.boolean(), happenings, (policy, probe, history) => {
        const sample = sampleRing(policy, { probe });
        const promises = witnessOf(sample.ring);
        for (const happening of [...history, { what: "resume" as const }]) {
          witnessed(sample, promises, happening);
        }
        const promised = sample.ring.keys.map(({ acceptUntil }) => acceptUntil ?? 0);
        sample.now = Math.max(sample.now, sample.ring.jwksHeldUntil, ...promised);
        const tickEvery = Math.ceil(sample.ring.policy.rotateEverySeconds / 10);
        for (let tick = 0; tick < 400; tick++) {
          witnessed(sample.wait(tickEvery), promises, { what: "tick" });
        }
        const { ring, now } = sample;
        expect(keysIn(ring, "accepted").filter(({ alg }) => alg !== ring.policy.alg)).toEqual([]);
        expect(ring.keys.length).toBeLessThanOrEqual(9);
        expect(nextStep(ring, now)?.dueAt ?? now).toBeGreaterThan(now - 3 * tickEvery);
      }),
      { numRuns: 200, ...LIMIT },
    );
  });
});
