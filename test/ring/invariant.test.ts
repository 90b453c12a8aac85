import { describe, expect, it } from "vitest";
import { isKeyturnError } from "../../src/errors.ts";
import { assertRing, assertSuccession } from "../../src/ring/invariant.ts";
import { type KeyRing, LIVE_KEYS_MAX, type RingKey } from "../../src/ring/ring.ts";
import { emit, pause, revoke, rollback } from "../../src/ring/step.ts";
import { fakeKey, kidOf, NOW, type SampleRing, turnedOver } from "./sample-ring.ts";

/** The rules that `attempt` is told to have broken; none when it passes. */
function brokenBy(attempt: () => void): string[] {
  try {
    attempt();
  } catch (error) {
    if (isKeyturnError(error, "ring_invalid")) return error.problems.map(({ message }) => message);
    throw error;
  }
  return [];
}

function withKey(ring: KeyRing, n: number, change: Partial<RingKey>): KeyRing {
  return { ...ring, keys: ring.keys.map((key) => (key.kid === kidOf(n) ? { ...key, ...change } : key)) };
}

/** Key 1 retires, key 2 emits, key 3 is accepted. */
const SOUND = turnedOver().ring;

describe("a ring", () => {
  it("that the steps made is sound", () => {
    expect(brokenBy(() => assertRing(SOUND))).toEqual([]);
  });

  it.each<[string, KeyRing, string]>([
    [
      "without emitter",
      withKey(SOUND, 2, { retiredAt: NOW + 1e8, acceptUntil: NOW + 2e8 }),
      "exactly one key emits",
    ],
    ["with two", withKey(SOUND, 1, { retiredAt: null, acceptUntil: null }), "exactly one key emits"],
    [
      "with a kid twice",
      { ...SOUND, keys: [...SOUND.keys, SOUND.keys[2] as RingKey] },
      "no kid occurs twice",
    ],
    [
      "with a revoked kid that lives",
      { ...SOUND, tombstones: [{ kid: kidOf(3), revokedAt: NOW, revokedBecause: "leaked" }] },
      "no kid occurs twice, live or revoked",
    ],
    [
      "with too many keys",
      {
        ...SOUND,
        keys: [
          ...SOUND.keys,
          ...Array.from({ length: LIVE_KEYS_MAX }, (_, i) => ({
            ...(SOUND.keys[2] as RingKey),
            kid: kidOf(50 + i),
          })),
        ],
      },
      `at most ${LIVE_KEYS_MAX} keys live`,
    ],
    [
      "without the record of its last commit",
      { ...SOUND, auditTail: SOUND.auditTail.slice(0, -1) },
      "audit record",
    ],
    ["without any record", { ...SOUND, auditTail: [] }, "audit record"],
    ["with the records of another ring", { ...SOUND, id: "other" }, "audit record"],
    [
      "under an unsound policy",
      { ...SOUND, policy: { ...SOUND.policy, jwksCacheSeconds: 1 } },
      "the policy is sound",
    ],
    ["whose accepted key has no promise", withKey(SOUND, 3, { emitAfter: null }), "published with a promise"],
    [
      "whose emitter is not published",
      withKey(SOUND, 2, { publishedAt: null, emitAfter: null }),
      "what emits or retires is published",
    ],
    ["whose retiring key has no promise", withKey(SOUND, 1, { acceptUntil: null }), "retired with a promise"],
    [
      "whose emitter has no retire hold",
      withKey(SOUND, 2, { retireHoldSeconds: null }),
      "a retire hold once",
    ],
    [
      "whose accepted key has one already",
      withKey(SOUND, 3, { retireHoldSeconds: 60 }),
      "a retire hold once",
    ],
    [
      "whose retiring key never emitted",
      withKey(SOUND, 1, { emittedAt: null, retireHoldSeconds: null }),
      "what retires has emitted",
    ],
    [
      "whose key emitted before it was made",
      withKey(SOUND, 2, { emittedAt: NOW - 1 }),
      "instants are in order",
    ],
    ["whose key emitted before its hold", withKey(SOUND, 2, { emitAfter: NOW + 1e9 }), "before its hold"],
    [
      "whose key was to emit again only after it emits",
      withKey(SOUND, 2, { reinstatedAt: SOUND.committedAt + 1 }),
      "reinstated no later than it emits",
    ],
    ["whose failed key emits", withKey(SOUND, 2, { rolledBackAt: NOW }), "never emits again"],
  ])("%s is refused", (_, ring, rule) => {
    expect(brokenBy(() => assertRing(ring)).join()).toContain(rule);
  });

  it("may have emitted before its hold when that was an emergency", () => {
    const early = withKey(SOUND, 2, { emitAfter: NOW + 1e9, earlyEmit: true });
    expect(brokenBy(() => assertRing(early))).toEqual([]);
  });

  it("that breaks several rules is told all of them", () => {
    const ring = { ...withKey(SOUND, 2, { retireHoldSeconds: null }), id: "other" };
    expect(brokenBy(() => assertRing(ring))).toHaveLength(2);
    expect(() => assertRing(ring)).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(
          /^The ring breaks a rule\. the newest audit record .+ · .+ once it has emitted\.$/,
        ),
        fix: expect.stringMatching(/^Nothing was stored\./),
        problems: Array(2).fill(expect.objectContaining({ code: "rule_broken", at: "/ring" })),
      }),
    );
  });
});

describe("a successor of a ring", () => {
  const rolled = (): SampleRing => {
    const sample = turnedOver().wait(60);
    sample.commit(rollback(sample.ring, sample.now));
    return sample;
  };

  /** The rules broken by committing to `ring` and, in the same commit, doing `change`. */
  function brokenFrom(ring: KeyRing, change: (next: KeyRing) => KeyRing): string {
    const sample = turnedOver();
    sample.ring = ring;
    sample.now = ring.committedAt + 5;
    const lawful = sample.commit(pause(ring, sample.now));
    return brokenBy(() => assertSuccession(ring, change(lawful))).join();
  }

  it("is whatever a step makes of it", () => {
    expect(brokenFrom(SOUND, (next) => next)).toBe("");
  });

  it.each<[string, KeyRing, (next: KeyRing) => KeyRing, string]>([
    ["another ring", SOUND, (next) => ({ ...next, id: "other" }), "keeps its id"],
    [
      "a generation further on",
      SOUND,
      (next) => ({ ...next, generation: next.generation + 1 }),
      "the generation grows by one",
    ],
    ["the same generation", SOUND, () => SOUND, "the generation grows by one"],
    [
      "one that lost a key without a tombstone",
      SOUND,
      (next) => ({ ...next, keys: next.keys.filter(({ kid }) => kid !== kidOf(1)) }),
      "leaves a tombstone",
    ],
    [
      "one whose key may emit sooner",
      SOUND,
      (next) => withKey(next, 3, { emitAfter: (next.keys[2]?.emitAfter ?? 0) - 1 }),
      "a promise is not shortened",
    ],
    [
      "one whose key leaves sooner",
      SOUND,
      (next) => withKey(next, 1, { acceptUntil: (next.keys[0]?.acceptUntil ?? 0) - 1 }),
      "a promise is not shortened",
    ],
    [
      "one whose emitter will be retired for less",
      SOUND,
      (next) => withKey(next, 2, { retireHoldSeconds: 1199 }),
      "a promise is not shortened",
    ],
    [
      "one whose key is of another algorithm",
      SOUND,
      (next) => withKey(next, 3, { alg: "ES384" }),
      "a fact not rewritten",
    ],
    [
      "one whose key was made at another time",
      SOUND,
      (next) => withKey(next, 3, { createdAt: NOW }),
      "a fact not rewritten",
    ],
    [
      "one whose key emitted and retired at once",
      SOUND,
      (next) =>
        withKey(next, 3, {
          emittedAt: next.committedAt,
          earlyEmit: true,
          retireHoldSeconds: 1200,
          retiredAt: next.committedAt,
          acceptUntil: next.committedAt + 1200,
        }),
      "a fact not rewritten",
    ],
    [
      "one whose retired key was never used",
      SOUND,
      (next) =>
        withKey(next, 1, { emittedAt: null, retireHoldSeconds: null, retiredAt: null, acceptUntil: null }),
      "a fact not rewritten",
    ],
    [
      "one whose failed key is forgiven",
      rolled().ring,
      (next) => withKey(next, 2, { rolledBackAt: null }),
      "a fact not rewritten",
    ],
  ])("%s is refused", (_, ring, change, rule) => {
    expect(brokenFrom(ring, change)).toContain(rule);
  });

  it("that forgets an operator's tombstone is refused", () => {
    const sample = turnedOver();
    sample.commit(revoke(sample.ring, kidOf(1), "leaked", sample.now, null));
    expect(brokenFrom(sample.ring, (next) => ({ ...next, tombstones: [] }))).toContain("stays for ever");
  });

  it("may forget those that the schedule left, and in time does, but never an operator's", () => {
    const sample = turnedOver({ rotateEverySeconds: 3600 });
    sample.commit(revoke(sample.ring, kidOf(1), "leaked", sample.now, null));
    sample.run(60 * 3600);
    const kids = sample.ring.tombstones.map(({ kid }) => kid);
    expect(kids).toHaveLength(33);
    expect(kids[0]).toBe(kidOf(1));
    expect(kids.slice(1)).toEqual(Array.from({ length: 32 }, (_, i) => kidOf(sample.emitter() - 32 + i)));
  });

  it("may make a retiring key emit again, which ends its promise", () => {
    const sample = rolled();
    expect(sample.phaseOf(1)).toBe("emitting");
    expect(brokenBy(() => assertSuccession(sample.ring, { ...sample.ring }))).toEqual([
      "the generation grows by one",
    ]);
  });

  it("must come from a live ring: an emit of a key that is not there changes nothing to one emitter", () => {
    const sample = turnedOver();
    const { ring } = emit(sample.ring, fakeKey(77).kid, sample.now);
    expect(brokenBy(() => assertRing(ring)).join()).toContain("exactly one key emits");
  });
});
