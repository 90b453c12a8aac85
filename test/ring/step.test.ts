import { describe, expect, it } from "vitest";
import {
  accept,
  confirm,
  emit,
  pause,
  requestRotation,
  resealed,
  resume,
  samePolicy,
} from "../../src/ring/step.ts";
import { emitDueAt } from "../../src/ring/succession.ts";
import { fakeKey, kidOf, NOW, sampleRing, turnedOver } from "./sample-ring.ts";

describe("the first ring", () => {
  it("signs at once: no verifier can hold an older JWKS", () => {
    expect(sampleRing().key(1)).toMatchObject({
      publishedAt: NOW,
      emitAfter: NOW,
      emittedAt: NOW,
      earlyEmit: false,
      retireHoldSeconds: 1200,
    });
  });

  it("publishes a successor with its whole hold ahead of it", () => {
    expect(sampleRing().key(2)).toMatchObject({ publishedAt: NOW, emitAfter: NOW + 1200, emittedAt: null });
  });

  it("publishes one key only when no standby is wanted", () => {
    expect(sampleRing({ standby: false }).published()).toEqual([1]);
  });

  it("records one event that names the key that signs", () => {
    expect(sampleRing().ring.auditTail).toMatchObject([{ event: "init", oldKid: null, newKid: kidOf(1) }]);
  });
});

describe("accept", () => {
  it("publishes the key and leaves signing to the present emitter", () => {
    const sample = sampleRing({ standby: false }).wait(500);
    sample.commit(accept(sample.ring, sample.fresh(), sample.now, true));
    expect(sample.published()).toEqual([1, 2]);
    expect(sample.emitter()).toBe(1);
    expect(sample.key(2).emitAfter).toBe(NOW + 500 + 1200);
  });

  it("promises nothing while publication is unconfirmed", () => {
    const sample = sampleRing({ standby: false }, { probe: true });
    sample.commit(accept(sample.ring, sample.fresh(), sample.now, false));
    expect(sample.key(2)).toMatchObject({ createdAt: NOW, publishedAt: null, emitAfter: null });
    expect(emitDueAt(sample.key(2), sample.ring.policy)).toBeNull();
    expect(sample.published()).toEqual([1, 2]);
  });
});

describe("confirm", () => {
  it("starts the hold when the key has been seen, not when it was accepted", () => {
    const sample = sampleRing({}, { probe: true }).wait(700);
    const { event } = confirm(sample.ring, kidOf(2), sample.now);
    sample.commit(confirm(sample.ring, kidOf(2), sample.now));
    expect(event).toEqual({ event: "confirm", oldKid: null, newKid: kidOf(2) });
    expect(sample.key(2)).toMatchObject({
      createdAt: NOW,
      publishedAt: NOW + 700,
      emitAfter: NOW + 700 + 1200,
    });
  });
});

describe("emit", () => {
  it("retires the previous emitter in the same commit, with its promise as an absolute instant", () => {
    const sample = sampleRing().wait(5000);
    const { event } = emit(sample.ring, kidOf(2), sample.now);
    sample.commit(emit(sample.ring, kidOf(2), sample.now));
    expect(sample.key(1)).toMatchObject({ retiredAt: NOW + 5000, acceptUntil: NOW + 5000 + 1200 });
    expect(sample.key(2)).toMatchObject({ emittedAt: NOW + 5000, retiredAt: null, acceptUntil: null });
    expect(event).toEqual({ event: "emit", oldKid: kidOf(1), newKid: kidOf(2) });
  });

  it("keeps the old key published for tokens of an hour, however short the cache", () => {
    const sample = turnedOver({ tokenSeconds: 3600 });
    expect(sample.key(1).acceptUntil).toBe(sample.now + 3810);
  });

  it("answers an operator's request", () => {
    const sample = sampleRing().wait(1200);
    sample.commit(requestRotation(sample.ring, sample.now));
    sample.commit(emit(sample.ring, kidOf(2), sample.now));
    expect(sample.ring.rotateRequestedAt).toBeNull();
  });
});

describe("pause and resume", () => {
  it("are the same twice as once", () => {
    const sample = sampleRing();
    expect(resume(sample.ring)).toBeNull();
    sample.commit(pause(sample.ring, NOW));
    expect(sample.ring.pausedAt).toBe(NOW);
    expect(pause(sample.ring, NOW + 1)).toBeNull();
    sample.commit(resume(sample.ring));
    expect(sample.ring.pausedAt).toBeNull();
  });

  it("leave every key as it is", () => {
    const sample = turnedOver();
    const { keys } = sample.ring;
    sample.commit(pause(sample.ring, sample.now));
    sample.commit(resume(sample.ring));
    expect(sample.ring.keys).toEqual(keys);
  });
});

describe("resealing", () => {
  it("changes the sealed halves and not one other fact", () => {
    const sample = turnedOver();
    const before = sample.ring;
    const sealed = new Map(before.keys.map(({ kid }) => [kid, `other.${kid}.iv.text.tag`]));
    const { ring, event } = resealed(before, sealed, "new-kek");
    sample.commit({ ring, event });
    expect(ring.keys.map(({ sealedJwk }) => sealedJwk)).toEqual([...sealed.values()]);
    const bare = (keys: typeof ring.keys) => keys.map((key) => ({ ...key, sealedJwk: "" }));
    expect(bare(ring.keys)).toEqual(bare(before.keys));
    expect(event).toEqual({ event: "rewrap", oldKid: null, newKid: null, details: { kek: "new-kek" } });
  });
});

describe("two policies", () => {
  it("are the same when every setting is, whichever object they are", () => {
    const { policy } = sampleRing().ring;
    expect(samePolicy(policy, { ...policy })).toBe(true);
    for (const [setting, value] of Object.entries(policy)) {
      const other = typeof value === "number" ? value + 1 : `${value}?`;
      expect(samePolicy(policy, { ...policy, [setting]: other })).toBe(false);
    }
  });
});

describe("a step", () => {
  it("leaves the ring that it was given alone", () => {
    const sample = turnedOver().wait(100);
    const frozen = deepFrozen(sample.ring);
    expect(() => {
      accept(frozen, fakeKey(9), sample.now, true);
      emit(frozen, kidOf(3), sample.now);
      pause(frozen, sample.now);
      requestRotation(frozen, sample.now);
    }).not.toThrow();
  });
});

function deepFrozen<T>(value: T): T {
  if (typeof value === "object" && value !== null)
    for (const member of Object.values(value)) deepFrozen(member);
  return Object.freeze(value);
}
