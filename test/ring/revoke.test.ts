import { describe, expect, it } from "vitest";
import { emitterOf, keysIn } from "../../src/ring/phase.ts";
import { accept, applyPolicy, confirm, requestRotation, revoke, rollback } from "../../src/ring/step.ts";
import { rollbackTarget, successorOf } from "../../src/ring/succession.ts";
import { DAY, fakeKey, kidOf, NOW, type SampleRing, sampleRing, turnedOver } from "./sample-ring.ts";

const WHY = "the backup was stolen";

function revoked(sample: SampleRing, n: number, fresh = fakeKey(99)): SampleRing {
  sample.commit(revoke(sample.ring, kidOf(n), WHY, sample.now, fresh));
  return sample;
}

function eventOf(sample: SampleRing) {
  return sample.ring.auditTail.at(-1);
}

describe("revoking", () => {
  it("takes the key out of the JWKS at once and leaves its kid, when and why for ever", () => {
    const sample = revoked(turnedOver().wait(7), 1);
    expect(sample.published()).toEqual([2, 3]);
    expect(sample.ring.tombstones).toEqual([{ kid: kidOf(1), revokedAt: sample.now, revokedBecause: WHY }]);
    expect(JSON.stringify(sample.ring.keys)).not.toContain("sealed.k1.");
  });

  it("a retiring key leaves the emitter and its successor alone", () => {
    const sample = revoked(turnedOver(), 1);
    expect([sample.emitter(), sample.phaseOf(3)]).toEqual([2, "accepted"]);
    expect(eventOf(sample)).toMatchObject({ event: "revoke", oldKid: kidOf(1), newKid: null });
  });

  it("an accepted key leaves the emitter signing, and the next tick accepts another", () => {
    const sample = revoked(sampleRing(), 2);
    expect(sample.published()).toEqual([1]);
    expect(sample.tick()).toMatchObject({ step: "accept" });
    expect(sample.published()).toEqual([1, 3]);
  });

  it("a revoked key again changes nothing", () => {
    const sample = revoked(turnedOver(), 1);
    expect(revoke(sample.ring, kidOf(1), "again", sample.now + 5, null)).toBeNull();
  });

  it("a kid that the ring never had is refused", () => {
    const attempt = () => revoke(sampleRing().ring, "no-such-kid", WHY, NOW, null);
    expect(attempt).toThrow(
      expect.objectContaining({
        code: "kid_unknown",
        message: expect.stringContaining("no key of this kid"),
        fix: expect.stringContaining("keyturn status"),
      }),
    );
  });

  it("the emitter ends a turnover that was asked for: it has just happened", () => {
    const sample = sampleRing().wait(60);
    sample.commit(requestRotation(sample.ring, sample.now));
    expect(revoked(sample, 1).ring.rotateRequestedAt).toBeNull();
  });

  it("an accepted key leaves a turnover that was asked for standing", () => {
    const sample = sampleRing().wait(60);
    sample.commit(requestRotation(sample.ring, sample.now));
    revoked(sample, 2).run(1500);
    expect(sample.emitter()).toBe(3);
  });
});

describe("when the emitter is revoked, what succeeds it is", () => {
  it("a matured successor, which costs no honest token", () => {
    const sample = sampleRing().wait(1200);
    expect(successorOf(sample.ring, sample.now)).toEqual({ how: "matured", kid: kidOf(2) });
    revoked(sample, 1);
    expect(sample.emitter()).toBe(2);
    expect(sample.key(2).earlyEmit).toBe(false);
    expect(eventOf(sample)).toMatchObject({ event: "revoke", oldKid: kidOf(1), newKid: kidOf(2) });
    expect(eventOf(sample)).not.toHaveProperty("earlyEmit");
  });

  it("that one even where an earlier key could emit again", () => {
    const sample = turnedOver({ tokenSeconds: 3600 }).wait(1200);
    expect(rollbackTarget(sample.ring, sample.now)?.kid).toBe(kidOf(1));
    expect(successorOf(sample.ring, sample.now)).toEqual({ how: "matured", kid: kidOf(3) });
  });

  it("else the key that retired last, which everyone still trusts", () => {
    const sample = turnedOver().wait(300);
    expect(successorOf(sample.ring, sample.now)).toEqual({ how: "reinstated", kid: kidOf(1) });
    revoked(sample, 2);
    expect([sample.emitter(), sample.phaseOf(2), sample.phaseOf(3)]).toEqual([1, "gone", "accepted"]);
    expect(sample.key(1)).toMatchObject({ earlyEmit: false, acceptUntil: null, rolledBackAt: null });
    expect(eventOf(sample)).not.toHaveProperty("earlyEmit");
  });

  it("else the accepted key, before its time and recorded as such", () => {
    const sample = sampleRing().wait(1199);
    expect(successorOf(sample.ring, sample.now)).toEqual({ how: "early", kid: kidOf(2) });
    revoked(sample, 1);
    expect(sample.emitter()).toBe(2);
    expect(sample.key(2)).toMatchObject({ earlyEmit: true, emittedAt: NOW + 1199, emitAfter: NOW + 1200 });
    expect(eventOf(sample)).toMatchObject({ newKid: kidOf(2), earlyEmit: true });
  });

  it("else a fresh key, before its time as well", () => {
    const sample = sampleRing({ standby: false }).wait(DAY);
    expect(successorOf(sample.ring, sample.now)).toEqual({ how: "fresh" });
    revoked(sample, 1);
    expect([sample.emitter(), sample.published()]).toEqual([99, [99]]);
    expect(sample.key(99)).toMatchObject({
      publishedAt: sample.now,
      emitAfter: sample.now + 1200,
      emittedAt: sample.now,
      earlyEmit: true,
    });
  });

  it("a fresh key that is promised to wait for old copies of the JWKS as any other, had it not been needed", () => {
    const sample = sampleRing({ standby: false, jwksCacheSeconds: 3600 }).wait(DAY);
    sample.commit(applyPolicy(sample.ring, { ...sample.ring.policy, jwksCacheSeconds: 600 }, sample.now));
    const heldUntil = sample.now + 7200;
    expect(revoked(sample.wait(60), 1).key(99)).toMatchObject({ emitAfter: heldUntil, earlyEmit: true });
  });

  it("never a key that a rollback took out of service", () => {
    const sample = turnedOver({ tokenSeconds: DAY }).wait(300);
    sample.commit(rollback(sample.ring, sample.now));
    expect(successorOf(sample.ring, sample.now)).toEqual({ how: "early", kid: kidOf(3) });
  });

  it("a matured key of another algorithm rather than an unripe one of the policy's", () => {
    const sample = sampleRing().wait(1200);
    sample.commit(applyPolicy(sample.ring, { ...sample.ring.policy, alg: "RS256" }, sample.now));
    sample.tick();
    expect(keysIn(sample.ring, "accepted").map(({ alg }) => alg)).toEqual(["ES256", "RS256"]);
    expect(successorOf(sample.ring, sample.now)).toEqual({ how: "matured", kid: kidOf(2) });
  });

  it("of two matured keys the one of the policy's algorithm", () => {
    const sample = sampleRing().wait(600);
    sample.commit(applyPolicy(sample.ring, { ...sample.ring.policy, alg: "RS256" }, sample.now));
    sample.tick();
    sample.wait(1200);
    expect(successorOf(sample.ring, sample.now)).toEqual({ how: "matured", kid: kidOf(3) });
  });

  it("of several matured keys of one algorithm the one accepted first, wanted or not", () => {
    const sample = sampleRing();
    sample.commit(accept(sample.ring, sample.fresh(), sample.now, true));
    sample.wait(1200);
    expect(successorOf(sample.ring, sample.now)).toEqual({ how: "matured", kid: kidOf(2) });
    sample.commit(applyPolicy(sample.ring, { ...sample.ring.policy, alg: "RS256" }, sample.now));
    expect(successorOf(sample.ring, sample.now)).toEqual({ how: "matured", kid: kidOf(2) });
  });

  it("of two unripe keys the one published longest, which fewer verifiers lack", () => {
    const sample = sampleRing().wait(1100);
    sample.commit(applyPolicy(sample.ring, { ...sample.ring.policy, alg: "RS256" }, sample.now));
    sample.tick();
    sample.wait(10);
    expect(successorOf(sample.ring, sample.now)).toEqual({ how: "early", kid: kidOf(2) });
    sample.commit(applyPolicy(sample.ring, { ...sample.ring.policy, alg: "ES256" }, sample.now));
    expect(successorOf(sample.ring, sample.now)).toEqual({ how: "early", kid: kidOf(2) });
  });

  it("a key whose publication was confirmed rather than one that nobody has seen yet", () => {
    const sample = sampleRing({}, { probe: true });
    sample.commit(applyPolicy(sample.ring, { ...sample.ring.policy, alg: "RS256" }, sample.now));
    sample.tick();
    sample.wait(10).tick();
    sample.commit(confirm(sample.ring, kidOf(3), sample.now));
    const unseen = { ...sample.key(2), publishedAt: null, emitAfter: null };
    const ring = {
      ...sample.ring,
      keys: sample.ring.keys.map((key) => (key.kid === unseen.kid ? unseen : key)),
    };
    expect(successorOf(ring, sample.now)).toEqual({ how: "early", kid: kidOf(3) });
  });

  it("published by the very commit, where a probe had not confirmed it yet", () => {
    const sample = revoked(sampleRing({}, { probe: true }).wait(50), 1);
    expect(sample.key(2)).toMatchObject({
      publishedAt: sample.now,
      emitAfter: sample.now + 1200,
      earlyEmit: true,
    });
  });

  it("nothing without a fresh key, when one is needed", () => {
    const sample = sampleRing({ standby: false });
    expect(() => revoke(sample.ring, kidOf(1), WHY, NOW, null)).toThrow("needs a fresh key");
  });
});

describe("after an emergency", () => {
  it("the ring heals itself: a successor is published, matures, and the schedule goes on", () => {
    const sample = revoked(sampleRing().wait(100), 1);
    sample.run(31 * DAY);
    expect(sample.emitter()).toBe(3);
    expect(sample.key(3).earlyEmit).toBe(false);
  });

  it("another one is survived as well, down to the last key", () => {
    const sample = turnedOver();
    for (const spare of [90, 91, 92, 93]) {
      revoked(sample, sample.emitter(), fakeKey(spare)).wait(1);
      expect(emitterOf(sample.ring).kid).toBeDefined();
    }
    expect(sample.ring.tombstones).toHaveLength(4);
    expect(sample.published()).toHaveLength(1);
  });
});
