import { describe, expect, it } from "vitest";
import { type Arrival, datedByArrival } from "../../src/ring/arrival.ts";
import { assertRing } from "../../src/ring/invariant.ts";
import { jwksEtag, publicJwks } from "../../src/ring/jwks.ts";
import { accept, applyPolicy, emit, pause, rollback } from "../../src/ring/step.ts";
import { emitDueAt } from "../../src/ring/succession.ts";
import { DAY, kidOf, type SampleRing, sampleRing } from "./sample-ring.ts";

const HOLD = 1200;

/** All clocks agree. */
function at(instant: number): Arrival {
  return { borneOut: instant, atMost: instant };
}

/** The sample as whoever reads it sees it when its last commit arrived so late. */
function arrivedLate(sample: SampleRing, seconds: number): SampleRing {
  sample.now += seconds;
  sample.ring = datedByArrival(sample.ring, at(sample.now));
  assertRing(sample.ring);
  return sample;
}

describe("a commit that arrives late", () => {
  it("keeps a new key waiting for a whole emit hold from then", () => {
    const sample = sampleRing({ standby: false });
    sample.commit(accept(sample.ring, sample.fresh(), sample.now, true));
    arrivedLate(sample, 3000);
    expect(emitDueAt(sample.key(2), sample.ring.policy)).toBe(sample.now + HOLD);
    expect(sample.phaseOf(2)).toBe("accepted");
  });

  it("keeps the key before it published for a whole retire hold from then", () => {
    const sample = sampleRing().wait(30 * DAY);
    sample.commit(emit(sample.ring, kidOf(2), sample.now));
    arrivedLate(sample, 3000);
    expect(sample.wait(HOLD - 1).published()).toContain(1);
    expect(sample.wait(1).published()).not.toContain(1);
  });

  it("says nothing of keys that came or went with other commits", () => {
    const sample = sampleRing({ tokenSeconds: DAY }).wait(30 * DAY);
    sample.commit(emit(sample.ring, kidOf(2), sample.now));
    sample.wait(60).tick();
    const before = { retiring: sample.key(1), emitting: sample.key(2) };
    arrivedLate(sample, 3000);
    expect({ retiring: sample.key(1), emitting: sample.key(2) }).toEqual(before);
  });

  it("nor of waiting keys and copies of the JWKS, when it began neither", () => {
    const sample = sampleRing({ jwksCacheSeconds: 3600 });
    sample.commit(applyPolicy(sample.ring, { ...sample.ring.policy, jwksCacheSeconds: 600 }, sample.now));
    sample.wait(10).commit(pause(sample.ring, sample.now));
    const { keys, jwksHeldUntil } = sample.ring;
    arrivedLate(sample, 3000);
    expect(sample.ring).toMatchObject({ keys, jwksHeldUntil });
  });

  it("makes a key wait for the copies of the JWKS that were made until the new policy came", () => {
    const sample = sampleRing({ standby: false, jwksCacheSeconds: 3600 });
    const shorter = { ...sample.ring.policy, jwksCacheSeconds: 600 };
    sample.commit(applyPolicy(sample.ring, shorter, sample.now));
    arrivedLate(sample, 3000);
    sample.commit(accept(sample.ring, sample.fresh(), sample.now, true));
    expect(sample.key(2).emitAfter).toBe(sample.now + 7200);
  });

  it("rules a rollback out where some node may have dropped the key meanwhile, and only there", () => {
    for (const [seconds, outcome] of [
      [HOLD - 591, 1],
      [HOLD - 590, "rollback_impossible"],
    ] as const) {
      const sample = sampleRing().wait(30 * DAY);
      sample.commit(emit(sample.ring, kidOf(2), sample.now));
      arrivedLate(sample, seconds);
      const attempt = () => {
        sample.commit(rollback(sample.ring, sample.now));
        return sample.emitter();
      };
      if (outcome === 1) expect(attempt()).toBe(1);
      else expect(attempt).toThrow(expect.objectContaining({ code: outcome }));
    }
  });

  it("is dated as it was decided when it arrived within the rounding of instants", () => {
    const { ring, now } = sampleRing();
    for (const seconds of [-100, 0, 1]) expect(datedByArrival(ring, at(now + seconds))).toBe(ring);
    expect(datedByArrival(ring, at(now + 2))).not.toBe(ring);
  });

  it("never gives one entity tag to two bodies, however many keys each shows", () => {
    const sample = sampleRing({ tokenSeconds: 10 * DAY }).wait(2000);
    sample.commit(emit(sample.ring, kidOf(2), sample.now));
    sample.tick();
    sample.commit(applyPolicy(sample.ring, { ...sample.ring.policy, tokenSeconds: 60 }, sample.now));
    for (const n of [3, 4]) {
      sample.wait(2000).commit(emit(sample.ring, kidOf(n), sample.now));
      if (n === 3) sample.tick();
    }
    const [inTime, late] = [sample.ring, datedByArrival(sample.ring, at(sample.now + 10 * DAY))];
    const [before, after] = [sample.now + 2000, sample.now + 10 * DAY - 3000];
    const kids = [publicJwks(inTime, before), publicJwks(late, after)].map(({ keys }) =>
      keys.map(({ kid }) => kid),
    );
    expect(kids).toEqual([[1, 2, 4].map(kidOf), [2, 3, 4].map(kidOf)]);
    expect(jwksEtag(inTime, before)).not.toBe(jwksEtag(late, after));
  });

  it("is dated by no more than the monotonic clock bears out, but keeps a retired key for what any clock says", () => {
    const sample = sampleRing().wait(30 * DAY);
    sample.commit(emit(sample.ring, kidOf(2), sample.now));
    const { now } = sample;
    const { acceptUntil } = sample.key(1);
    sample.ring = datedByArrival(sample.ring, { borneOut: now + 5, atMost: now + 5000 });
    expect(sample.ring.committedAt).toBe(now + 5);
    expect(sample.key(1)).toMatchObject({ retiredAt: now + 5, acceptUntil: (acceptUntil ?? 0) + 5000 });
    expect(datedByArrival(sample.ring, { borneOut: now - 100, atMost: now + 5000 }).committedAt).toBe(
      now + 5,
    );
  });
});
