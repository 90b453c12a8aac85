import { describe, expect, it } from "vitest";
import { adoptedRing, type Past } from "../../src/ring/adoption.ts";
import { decodeDocument, encodeDocument } from "../../src/ring/document.ts";
import { assertRing, assertSuccession } from "../../src/ring/invariant.ts";
import { publicJwks } from "../../src/ring/jwks.ts";
import { emitterOf, keysIn } from "../../src/ring/phase.ts";
import { nextStep, timeline } from "../../src/ring/plan.ts";
import { parsePolicy, type RotationPolicy } from "../../src/ring/policy.ts";
import type { KeyRing, RingKey } from "../../src/ring/ring.ts";
import { type Change, confirm, emit, revoke } from "../../src/ring/step.ts";
import { documentOf, refusalOf } from "./sample-document.ts";
import { DAY, fakeKey, NOW, recorded } from "./sample-ring.ts";

const KID = "https://auth.example.com/keys#2026-a";
const OLD: Past = { createdAt: NOW - 400 * DAY, tokenSeconds: 3600, jwksCacheSeconds: 1800 };

function adopted(past: Partial<Past> = {}, policy: Partial<RotationPolicy> = {}): KeyRing {
  const key = { ...fakeKey(1), kid: KID };
  const standby = policy.standby === false ? null : fakeKey(2);
  const change = adoptedRing("ring", parsePolicy(policy), [key, standby], { ...OLD, ...past }, NOW);
  const ring = recorded(null, change, NOW);
  assertRing(ring);
  return ring;
}

function committed(ring: KeyRing, change: Change | null, now: number): KeyRing {
  const next = recorded(ring, change as Change, now);
  assertSuccession(ring, next);
  return next;
}

describe("the ring around an adopted key", () => {
  it("emits with it, under its own kid and at its true age", () => {
    const ring = adopted();
    expect(emitterOf(ring)).toMatchObject({
      kid: KID,
      imported: true,
      createdAt: OLD.createdAt,
      publishedAt: OLD.createdAt,
      emittedAt: OLD.createdAt,
      earlyEmit: false,
    });
    expect(publicJwks(ring, NOW).keys.map(({ kid }) => kid)).toEqual([KID, fakeKey(2).kid]);
  });

  it("says in its first record that the key came from elsewhere, and since when it signs", () => {
    expect(adopted().auditTail[0]).toMatchObject({
      event: "init",
      newKid: KID,
      details: { imported: true, createdAt: OLD.createdAt },
    });
  });

  it("is stored and read to the byte, and so are the records and the tombstone that outlive the key", () => {
    const ring = adopted();
    const confirmed = committed(ring, confirm(ring, fakeKey(2).kid, NOW + 60), NOW + 60);
    const without = committed(confirmed, revoke(confirmed, KID, "leaked", NOW + 99, null), NOW + 99);
    for (const each of [ring, confirmed, without]) {
      const document = documentOf(each);
      expect(decodeDocument(encodeDocument(document))).toEqual(document);
    }
    expect(without.tombstones.map(({ kid }) => kid)).toEqual([KID]);
  });

  it("lets only a key that says so have a kid that is no thumbprint, and none that could steer a terminal", () => {
    const text = encodeDocument(documentOf(adopted()));
    const anonymous = text.replace(/ *"imported": true,\n/, "");
    expect(anonymous).not.toBe(text);
    expect(refusalOf(anonymous)).toMatchObject({
      code: "ring_corrupt",
      message: expect.stringContaining("thumbprint"),
    });
    for (const kid of ["", "a b", "a\\u001b[2J", "x".repeat(257), "schlüssel"]) {
      expect(refusalOf(text.replaceAll(KID, kid))?.code, kid).toBe("ring_corrupt");
    }
  });

  it("never unsays that it was imported, nor says it later", () => {
    const ring = adopted();
    const rewritten = (imported: (key: RingKey) => object) => ({
      ring: { ...ring, keys: ring.keys.map(({ imported: _, ...key }) => ({ ...key, ...imported(key) })) },
      event: { event: "pause" as const, oldKid: null, newKid: null },
    });
    expect(() =>
      committed(
        ring,
        rewritten(() => ({})),
        NOW,
      ),
    ).toThrow("a fact not rewritten");
    expect(() =>
      committed(
        ring,
        rewritten(() => ({ imported: true })),
        NOW,
      ),
    ).toThrow("a fact not rewritten");
  });
});

describe("what the world knows from before", () => {
  it("keeps the standby waiting until it is published in truth, however old the ring is by then", () => {
    const ring = adopted();
    const [standby] = keysIn(ring, "accepted") as [RingKey];
    expect(standby).toMatchObject({ createdAt: NOW, publishedAt: null, emitAfter: null });
    // Only then does a node serve it: a month after the import.
    const later = NOW + 30 * DAY;
    expect(nextStep(ring, later)).toMatchObject({ step: "confirm", kid: standby.kid });
    const confirmed = committed(ring, confirm(ring, standby.kid, later), later);
    expect(nextStep(confirmed, later + 1199)).toBeNull();
    expect(nextStep(confirmed, later + 1200)).toMatchObject({ step: "emit", kid: standby.kid });
  });

  it("lets no key emit while a copy of the former JWKS may live: an edge, a verifier, and no margin", () => {
    const ring = adopted({ jwksCacheSeconds: 7200 });
    const [standby] = keysIn(ring, "accepted") as [RingKey];
    const confirmed = committed(ring, confirm(ring, standby.kid, NOW + 30), NOW + 30);
    // refresh 30 + 2 × fetch 5 + skew 30
    const until = NOW + 2 * 7200 + 70;
    expect(nextStep(confirmed, until - 1)).toBeNull();
    expect(nextStep(confirmed, until)).toMatchObject({ step: "emit" });
  });

  it("publishes the adopted key until the last token of before has expired, whatever the new policy signs", () => {
    const day = adopted({ tokenSeconds: DAY });
    const at = NOW + 10 * DAY;
    const confirmed = committed(day, confirm(day, fakeKey(2).kid, NOW), NOW);
    const retired = emit(confirmed, fakeKey(2).kid, at).ring.keys[0] as RingKey;
    // lease 120 + token 1 d + leeway 30 + 2 × skew 30
    expect(retired.acceptUntil).toBe(at + DAY + 210);
    const short = adopted({ tokenSeconds: 1 }, { tokenSeconds: 3600 });
    expect(emitterOf(short).retireHoldSeconds).toBe(3810);
  });

  it("turns a key over that is older than the policy wants as soon as its successor may emit", () => {
    const [first] = timeline(committed(adopted(), confirm(adopted(), fakeKey(2).kid, NOW), NOW), NOW, 1);
    expect(first).toMatchObject({ step: "emit", kid: fakeKey(2).kid, at: NOW + 3670 });
    const young = adopted({ createdAt: NOW - DAY });
    const [later] = timeline(committed(young, confirm(young, fakeKey(2).kid, NOW), NOW), NOW, 1);
    expect(later).toMatchObject({ step: "emit", at: NOW + 29 * DAY });
  });

  it("holds a successor that is accepted later to the same", () => {
    const ring = adopted({ jwksCacheSeconds: 7200 }, { standby: false });
    expect(ring.jwksHeldUntil).toBe(NOW + 14_470);
    expect(nextStep(ring, NOW)).toMatchObject({ step: "accept" });
  });
});
