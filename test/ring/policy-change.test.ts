import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ALGORITHMS } from "../../src/ring/algorithm.ts";
import { parsePolicy, type RotationPolicy } from "../../src/ring/policy.ts";
import { LIVE_KEYS_MAX } from "../../src/ring/ring.ts";
import { applyPolicy, confirm, emit, revoke } from "../../src/ring/step.ts";
import { emitDueAt } from "../../src/ring/succession.ts";
import { DAY, kidOf, NOW, type SampleRing, sampleRing, turnedOver } from "./sample-ring.ts";
import { soundPolicies } from "./sound-policy.ts";

function changed(sample: SampleRing, change: Partial<RotationPolicy>): SampleRing {
  const policy = parsePolicy({ ...sample.ring.policy, ...change });
  sample.commit(applyPolicy(sample.ring, policy, sample.now));
  return sample;
}

/** A ring whose standby was revoked, so that the next tick publishes a new key under the policy of then. */
function withoutStandby(policy: Partial<RotationPolicy>): SampleRing {
  const sample = sampleRing(policy).wait(5000);
  sample.commit(revoke(sample.ring, kidOf(2), "to be replaced", sample.now, null));
  return sample;
}

describe("a change of policy", () => {
  it("is one commit, and none when nothing changes", () => {
    const sample = sampleRing();
    expect(applyPolicy(sample.ring, parsePolicy({}), NOW + 5)).toBeNull();
    const record = changed(sample, { tokenSeconds: 60, alg: "EdDSA" }).ring.auditTail.at(-1);
    expect(sample.ring.generation).toBe(2);
    expect(record).toMatchObject({ event: "policy_changed", oldKid: null, newKid: null });
  });

  it("says in its record which settings it changed, and to what", () => {
    const sample = changed(sampleRing(), { tokenSeconds: 60, alg: "EdDSA", overlapSeconds: 1500 });
    expect(sample.ring.auditTail.at(-1)?.details).toEqual({
      tokenSeconds: 60,
      alg: "EdDSA",
      overlapSeconds: 1500,
    });
    expect(changed(sample, { overlapSeconds: null }).ring.auditTail.at(-1)?.details).toEqual({
      overlapSeconds: null,
    });
  });

  it("shortens no promise to any key, whatever the policies", () => {
    const waits = fc.array(fc.integer({ min: 0, max: 4000 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(soundPolicies, fc.array(soundPolicies, { maxLength: 6 }), waits, (first, later, pauses) => {
        const sample = turnedOver({ ...first, alg: "ES256" });
        for (const [i, policy] of later.entries()) {
          const before = sample.wait(pauses[i % pauses.length] ?? 0).ring;
          sample.commit(applyPolicy(before, policy, sample.now));
          for (const [n, key] of before.keys.entries()) {
            const after = sample.ring.keys[n];
            expect(after?.emitAfter).toBe(key.emitAfter);
            expect(after?.acceptUntil ?? 0).toBeGreaterThanOrEqual(key.acceptUntil ?? 0);
            expect(after?.retireHoldSeconds ?? 0).toBeGreaterThanOrEqual(key.retireHoldSeconds ?? 0);
          }
          expect(sample.ring.jwksHeldUntil).toBeGreaterThanOrEqual(before.jwksHeldUntil);
        }
      }),
    );
  });
});

describe("tokens get shorter", () => {
  it("while a key emits: it still stays published for the longest token that it can have signed", () => {
    const sample = changed(sampleRing({ tokenSeconds: 3600 }).wait(2000), { tokenSeconds: 60 });
    sample.commit(emit(sample.ring, kidOf(2), sample.now));
    expect(sample.key(1).acceptUntil).toBe(sample.now + 3810);
  });

  it("while a key retires: the instant promised then stands", () => {
    const sample = turnedOver({ tokenSeconds: 3600 });
    const until = sample.key(1).acceptUntil;
    expect(changed(sample, { tokenSeconds: 60 }).key(1).acceptUntil).toBe(until);
  });

  it("before a key emits: the shorter hold is its own", () => {
    const sample = changed(sampleRing({ tokenSeconds: 3600 }), { tokenSeconds: 900 }).runTo("emit");
    sample.tick();
    sample.runTo("emit");
    expect(sample.key(2).acceptUntil).toBe(sample.now + 1200);
  });

  it("and the lease with them: a signer with an old snapshot may still use the old one", () => {
    const sample = changed(sampleRing({ tokenSeconds: 3600, leaseSeconds: 600 }).wait(2000), {
      leaseSeconds: 60,
    });
    sample.commit(emit(sample.ring, kidOf(2), sample.now));
    expect(sample.key(1).acceptUntil).toBe(sample.now + 600 + 3600 + 30 + 60);
  });
});

describe("tokens get longer", () => {
  it("while a key emits: it stays published for the longer ones", () => {
    const sample = changed(sampleRing().wait(2000), { tokenSeconds: 7200 });
    sample.commit(emit(sample.ring, kidOf(2), sample.now));
    expect(sample.key(1).acceptUntil).toBe(sample.now + 7410);
  });

  it("and shorter again while the same key emits: the longest counts", () => {
    const sample = changed(sampleRing().wait(2000), { tokenSeconds: 7200 });
    changed(sample.wait(100), { tokenSeconds: 60 });
    sample.commit(emit(sample.ring, kidOf(2), sample.now));
    expect(sample.key(1).acceptUntil).toBe(sample.now + 7410);
  });

  it("while a key retires: its time is counted anew from when it retired", () => {
    const sample = turnedOver();
    const { retiredAt } = sample.key(1);
    changed(sample.wait(500), { tokenSeconds: 3600 });
    expect(sample.key(1).acceptUntil).toBe((retiredAt ?? 0) + 3810);
  });
});

describe("the JWKS cache gets shorter", () => {
  it("after a key was published: it waits as long as was promised then", () => {
    const sample = changed(sampleRing({ jwksCacheSeconds: 3600 }).wait(60), { jwksCacheSeconds: 300 });
    expect(emitDueAt(sample.key(2), sample.ring.policy)).toBe(NOW + 7200);
  });

  it("before a key is published: it waits for the copies that were made under the longer one", () => {
    const sample = changed(withoutStandby({ jwksCacheSeconds: 3600 }), { jwksCacheSeconds: 300 });
    const changedAt = sample.now;
    sample.wait(60).tick();
    expect(sample.key(3)).toMatchObject({ publishedAt: changedAt + 60, emitAfter: changedAt + 7200 });
  });

  it("twice: it waits for the copies of the longest", () => {
    const sample = changed(withoutStandby({ jwksCacheSeconds: 3600 }), { jwksCacheSeconds: 300 });
    const changedAt = sample.now;
    changed(sample.wait(100), { jwksCacheSeconds: 200 }).wait(60).tick();
    expect(sample.key(3).emitAfter).toBe(changedAt + 7200);
  });

  it("long before a key is published: old copies are gone, and its own hold decides", () => {
    const sample = changed(withoutStandby({ jwksCacheSeconds: 3600 }), { jwksCacheSeconds: 300 });
    sample.wait(7200).tick();
    expect(sample.key(3).emitAfter).toBe(sample.now + 600);
  });

  it("while a probe has not seen the key: it waits for the old copies as well", () => {
    const sample = sampleRing({ jwksCacheSeconds: 3600 }, { probe: true });
    const changedAt = changed(sample.wait(60), { jwksCacheSeconds: 300 }).now;
    sample.wait(60);
    sample.commit(confirm(sample.ring, kidOf(2), sample.now));
    expect(sample.key(2).emitAfter).toBe(changedAt + 7200);
  });
});

describe("the JWKS cache gets longer", () => {
  it("and an accepted key waits for the new hold, counted from its publication", () => {
    const sample = changed(sampleRing().wait(60), { jwksCacheSeconds: 3600 });
    expect(emitDueAt(sample.key(2), sample.ring.policy)).toBe(NOW + 7200);
  });

  it("and shorter again, and the key waits only for what was promised at its publication", () => {
    const sample = changed(sampleRing().wait(60), { jwksCacheSeconds: 3600 });
    changed(sample.wait(60), { jwksCacheSeconds: 600 });
    expect(emitDueAt(sample.key(2), sample.ring.policy)).toBe(NOW + 1200);
  });
});

describe("another algorithm", () => {
  it("is an ordinary turnover: published, held, and emitting when the turnover is due", () => {
    const sample = changed(sampleRing().wait(DAY), { alg: "EdDSA" });
    sample.run(30 * DAY);
    expect(sample.key(sample.emitter())).toMatchObject({ alg: "EdDSA", earlyEmit: false });
    expect(sample.key(3).emittedAt).toBe(NOW + 30 * DAY);
  });

  it("lets the old successor go only once the new one has matured", () => {
    const sample = changed(sampleRing().wait(DAY), { alg: "EdDSA" });
    const changedAt = sample.now;
    sample.tick();
    expect(sample.run(1200).published()).toEqual([1, 2, 3]);
    expect(sample.tick()).toMatchObject({
      step: "revoke",
      kid: kidOf(2),
      because: "superseded",
      dueAt: changedAt + 1200,
    });
    expect(sample.published()).toEqual([1, 3]);
  });

  it("without standby lets the old successor go as well", () => {
    const sample = sampleRing({ rotateEverySeconds: DAY });
    changed(sample.wait(60), { standby: false, alg: "EdDSA" });
    sample.run(2 * DAY);
    expect(sample.phaseOf(2)).toBe("gone");
    expect(sample.ring.tombstones).toContainEqual(
      expect.objectContaining({ kid: kidOf(2), revokedBecause: "superseded" }),
    );
  });

  it("and back again, and the old successor is the next one once more", () => {
    const sample = changed(sampleRing().wait(DAY), { alg: "EdDSA" });
    sample.tick();
    changed(sample.wait(60), { alg: "ES256" }).run(120);
    expect(sample.published()).toEqual([1, 2]);
    expect(sample.run(30 * DAY).emitter()).toBe(2);
  });

  it("changed again and again leaves the ring a way on, even full of keys that nobody wants any more", () => {
    const sample = sampleRing();
    for (const alg of ALGORITHMS) changed(sample.wait(10), { alg }).run(60);
    expect(sample.ring.keys.length).toBe(LIVE_KEYS_MAX);
    sample.run(31 * DAY);
    expect(sample.key(sample.emitter()).alg).toBe(ALGORITHMS.at(-1));
    expect(sample.published()).toHaveLength(2);
  });
});

describe("standby", () => {
  it("switched off keeps the successor that is there, and publishes no further one until it is needed", () => {
    const sample = changed(sampleRing(), { standby: false }).run(30 * DAY + 120);
    expect(sample.emitter()).toBe(2);
    expect(sample.run(DAY).published()).toEqual([2]);
  });

  it("switched on publishes a successor with the next tick", () => {
    const sample = changed(sampleRing({ standby: false }).run(DAY), { standby: true }).run(60);
    expect(sample.published()).toEqual([1, 2]);
  });
});
