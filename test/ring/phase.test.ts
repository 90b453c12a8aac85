import { describe, expect, it } from "vitest";
import { emitterOf, isPublished, keysIn, phaseOf } from "../../src/ring/phase.ts";
import { kidOf, sampleRing, turnedOver } from "./sample-ring.ts";

describe("the phase of a key", () => {
  it("follows from its instants: accepted, emitting, retiring, and then it is gone", () => {
    const sample = sampleRing();
    const phases = ["accepted"];
    sample.runTo("emit");
    phases.push(phaseOf(sample.key(2)));
    sample.runTo("emit");
    phases.push(phaseOf(sample.key(2)));
    sample.runTo("revoke");
    phases.push(sample.phaseOf(2));
    expect(phases).toEqual(["accepted", "emitting", "retiring", "gone"]);
  });

  it("is listed in the order in which keys were accepted", () => {
    const { ring } = turnedOver({ rotateEverySeconds: 1200, tokenSeconds: 3600 }).runTo("emit");
    expect(keysIn(ring, "retiring").map(({ kid }) => kid)).toEqual([kidOf(1), kidOf(2)]);
  });
});

describe("a key in the JWKS", () => {
  it("stays through accepted and emitting, whatever the time", () => {
    const sample = sampleRing();
    for (const n of [1, 2]) expect(isPublished(sample.key(n), Number.MAX_SAFE_INTEGER)).toBe(true);
  });

  it("leaves by the clock alone at the instant promised when it retired", () => {
    const retiring = turnedOver().key(1);
    const until = retiring.acceptUntil ?? 0;
    expect([until - 1, until].map((now) => isPublished(retiring, now))).toEqual([true, false]);
  });
});

describe("the emitter", () => {
  it("is missed aloud, not replaced by a guess", () => {
    const { ring } = sampleRing();
    const silent = { ...ring, keys: keysIn(ring, "accepted") };
    expect(() => emitterOf(silent)).toThrow("exactly one emitting key");
  });
});
