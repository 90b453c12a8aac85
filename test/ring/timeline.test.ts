import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { timeline } from "../../src/ring/plan.ts";
import { applyPolicy, pause, requestRotation, rollback } from "../../src/ring/step.ts";
import { DAY, kidOf, NOW, type SampleRing, sampleRing, turnedOver } from "./sample-ring.ts";
import { soundPolicies } from "./sound-policy.ts";

/** What happens when the schedule ticks in every second in which something could be due. */
function happened(sample: SampleRing, count: number) {
  const done: { step: string; at: number }[] = [];
  for (let second = 0; done.length < count && second < 400_000; second++) {
    for (let step = sample.tick(); step !== null && done.length < count; step = sample.tick()) {
      done.push({ step: step.step, at: sample.now });
    }
    sample.wait(1);
  }
  return done;
}

function planned(sample: SampleRing, count: number) {
  return timeline(sample.ring, sample.now, count).map(({ step, at }) => ({ step, at }));
}

describe("the timeline", () => {
  it("is what then happens", () => {
    const sample = sampleRing({ rotateEverySeconds: 7200, tokenSeconds: 3600 }).wait(100);
    const foretold = planned(sample, 20);
    expect(foretold).toHaveLength(20);
    expect(happened(sample, 20)).toEqual(foretold);
  });

  it("is what then happens under any sound policy, from the middle of things too", () => {
    const starts = fc.constantFrom("fresh", "turned over", "rolled back", "asked for", "changed");
    fc.assert(
      fc.property(soundPolicies, soundPolicies, starts, fc.nat(3000), (policy, other, start, later) => {
        const sample = start === "fresh" ? sampleRing(policy) : turnedOver(policy);
        if (start === "rolled back") sample.commit(rollback(sample.ring, sample.now));
        if (start === "asked for") sample.commit(requestRotation(sample.ring, sample.now));
        if (start === "changed") sample.commit(applyPolicy(sample.ring, other, sample.now));
        sample.wait(later);
        const foretold = planned(sample, 6);
        expect(happened(sample, 6)).toEqual(foretold);
      }),
      { numRuns: 40 },
    );
  });

  it("says for which hold each key waits, and of which key", () => {
    const [emit, accept, revoke, next] = timeline(sampleRing().ring, NOW, 4);
    expect(emit).toMatchObject({ step: "emit", kid: kidOf(2), at: NOW + 30 * DAY, hold: { seconds: 1200 } });
    expect(accept).toEqual({ step: "accept", kid: null, at: NOW + 30 * DAY, hold: null });
    expect(revoke).toMatchObject({ step: "revoke", kid: kidOf(1), hold: { decidedBy: "overlap" } });
    expect(revoke?.hold?.terms.map(({ name }) => name)).toEqual(["lease", "token", "leeway", "skew"]);
    expect(next).toMatchObject({ step: "emit", kid: null, at: NOW + 60 * DAY });
  });

  it("says of a key that nobody wants any more that it waits for no hold", () => {
    const sample = sampleRing();
    sample.commit(applyPolicy(sample.ring, { ...sample.ring.policy, alg: "EdDSA" }, sample.now));
    const [accept, superseded] = timeline(sample.ring, sample.now, 2);
    expect(accept).toEqual({ step: "accept", kid: null, at: NOW, hold: null });
    expect(superseded).toEqual({ step: "revoke", kid: kidOf(2), at: NOW + 1200, hold: null });
  });

  it("starts now when something is overdue", () => {
    const sample = sampleRing().wait(90 * DAY);
    expect(planned(sample, 2)).toEqual([
      { step: "emit", at: sample.now },
      { step: "accept", at: sample.now },
    ]);
  });

  it("is empty while the ring is paused: nothing will happen until somebody acts", () => {
    const sample = sampleRing();
    sample.commit(pause(sample.ring, sample.now));
    expect(timeline(sample.ring, sample.now, 5)).toEqual([]);
  });

  it("ends where a probe must speak first", () => {
    const sample = sampleRing({}, { probe: true });
    expect(timeline(sample.ring, sample.now, 5)).toEqual([]);
  });

  it("leaves the ring as it is", () => {
    const sample = turnedOver();
    const before = structuredClone(sample.ring);
    timeline(sample.ring, sample.now, 50);
    expect(sample.ring).toEqual(before);
  });
});
