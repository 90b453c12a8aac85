import { describe, expect, it } from "vitest";
import { isKeyturnError } from "../../src/errors.ts";
import { maxAgeSeconds } from "../../src/ring/hold.ts";
import { rotationState } from "../../src/ring/plan.ts";
import { accept, applyPolicy, emit, pause, requestRotation, revoke, rollback } from "../../src/ring/step.ts";
import { rollbackTarget } from "../../src/ring/succession.ts";
import { DAY, kidOf, NOW, type SampleRing, sampleRing, turnedOver } from "./sample-ring.ts";

function rolledBack(sample: SampleRing): SampleRing {
  sample.commit(rollback(sample.ring, sample.now));
  return sample;
}

describe("rollback", () => {
  it("lets the key that retired last emit again, and retires the failed one in its place", () => {
    const sample = turnedOver().wait(300);
    const { event } = rollback(sample.ring, sample.now) ?? {};
    rolledBack(sample);
    expect(event).toEqual({ event: "rollback", oldKid: kidOf(2), newKid: kidOf(1) });
    expect(sample.phaseOf(1)).toBe("emitting");
    expect(sample.key(1)).toMatchObject({ emittedAt: sample.now, retiredAt: null, acceptUntil: null });
    expect(sample.phaseOf(2)).toBe("retiring");
  });

  it("gives the failed key a retire hold of its own: the tokens it signed are honest", () => {
    const sample = rolledBack(turnedOver({ tokenSeconds: 3600 }).wait(300));
    expect(sample.key(2)).toMatchObject({ retiredAt: sample.now, acceptUntil: sample.now + 3810 });
    expect(sample.wait(3809).published()).toContain(2);
    expect(sample.wait(1).published()).not.toContain(2);
  });

  it("is the same twice as once, until the next key emits", () => {
    const sample = rolledBack(turnedOver().wait(300));
    for (const seconds of [0, 1, 600]) expect(rollback(sample.ring, sample.now + seconds)).toBeNull();
  });

  it("is still the same once when the failed key has been revoked since", () => {
    const sample = turnedOver({ tokenSeconds: 10 * DAY }).wait(2000);
    sample.commit(emit(sample.ring, kidOf(3), sample.now));
    rolledBack(sample);
    expect(sample.emitter()).toBe(2);
    sample.commit(revoke(sample.ring, kidOf(3), "it leaked as well", sample.now, null));
    expect(rollback(sample.ring, sample.now)).toBeNull();
    expect(sample.emitter()).toBe(2);
  });

  it("can be done again after the next turnover, even one in the same second", () => {
    const sample = rolledBack(turnedOver({ tokenSeconds: 3600 }).wait(1200));
    expect(rotationState(sample.ring, sample.now)).toEqual({ state: "ready", kid: kidOf(3) });
    sample.commit(emit(sample.ring, kidOf(3), sample.now));
    expect(rotationState(sample.ring, sample.now).state).toBe("just_done");
    rolledBack(sample);
    expect(sample.emitter()).toBe(1);
  });

  it("never lets the failed key emit again", () => {
    const sample = rolledBack(turnedOver({ tokenSeconds: DAY }).wait(300));
    expect(rollbackTarget(sample.ring, sample.now)).toBeNull();
    sample.run(40 * DAY, 3600);
    expect(sample.emitter()).toBe(3);
    expect(sample.phaseOf(2)).toBe("gone");
  });

  it("passes over a failed key when the next one fails as well", () => {
    const sample = rolledBack(turnedOver({ tokenSeconds: 10 * DAY }).wait(2000));
    sample.commit(emit(sample.ring, kidOf(3), sample.now + 10));
    sample.wait(20);
    rolledBack(sample);
    expect(sample.emitter()).toBe(1);
  });

  it("goes back to the key that retired last, also where that is not the order in which keys were accepted", () => {
    const sample = turnedOver({ tokenSeconds: 10 * DAY }).wait(2000);
    sample.commit(accept(sample.ring, sample.fresh(), sample.now, true));
    for (const n of [4, 3]) sample.wait(2000).commit(emit(sample.ring, kidOf(n), sample.now));
    sample.commit(accept(sample.ring, sample.fresh(), sample.now, true));
    sample.wait(2000).commit(emit(sample.ring, kidOf(5), sample.now));
    expect(rolledBack(sample).emitter()).toBe(3);
  });

  it("forgets a turnover that was asked for", () => {
    const sample = turnedOver().wait(60);
    sample.commit(requestRotation(sample.ring, sample.now));
    expect(rolledBack(sample).ring.rotateRequestedAt).toBeNull();
  });

  it("is open to an operator while the schedule is paused", () => {
    const sample = turnedOver();
    sample.commit(pause(sample.ring, sample.now));
    expect(rolledBack(sample).emitter()).toBe(1);
  });
});

describe("rollback is impossible", () => {
  const refused = (sample: SampleRing) => {
    try {
      rollback(sample.ring, sample.now);
    } catch (error) {
      return isKeyturnError(error, "rollback_impossible");
    }
    return false;
  };

  it("before the first turnover, and what can be done instead is said", () => {
    expect(refused(sampleRing().wait(100))).toBe(true);
    expect(() => rollback(sampleRing().ring, NOW)).toThrow(
      expect.objectContaining({
        message: expect.stringContaining("No earlier key"),
        fix: expect.stringContaining("revoke it with a reason"),
      }),
    );
  });

  it("from the moment on when a node whose clock is ahead, or that is cut off, drops the old key", () => {
    const sample = turnedOver();
    const until = sample.key(1).acceptUntil ?? 0;
    const { skewSeconds, refreshSeconds } = sample.ring.policy;
    sample.now = until - skewSeconds - refreshSeconds - maxAgeSeconds(sample.ring.policy) - 1;
    expect(refused(sample)).toBe(false);
    sample.now += 1;
    expect(refused(sample)).toBe(true);
  });

  it("to a key that an operator revoked", () => {
    const sample = turnedOver().wait(10);
    sample.commit(revoke(sample.ring, kidOf(1), "leaked", sample.now, null));
    expect(refused(sample)).toBe(true);
  });

  it("to a key that has already left the JWKS, even when a new policy would have kept it longer", () => {
    const sample = turnedOver();
    sample.now = sample.key(1).acceptUntil ?? 0;
    sample.commit(applyPolicy(sample.ring, { ...sample.ring.policy, tokenSeconds: DAY }, sample.now));
    expect(refused(sample)).toBe(true);
    expect(sample.published()).not.toContain(1);
  });

  it("to a key that some nodes may have dropped before a new policy would have kept it longer", () => {
    const sample = turnedOver();
    sample.now = (sample.key(1).acceptUntil ?? 0) - sample.ring.policy.skewSeconds;
    sample.commit(applyPolicy(sample.ring, { ...sample.ring.policy, tokenSeconds: DAY }, sample.now));
    expect(refused(sample)).toBe(true);
  });
});
