/**
 * Worlds as bad as the policy allows: nodes that lag, an edge cache before a verifier's cache, and
 * clocks that differ. The instants come from the real steps; the rest is arithmetic.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maxAgeSeconds, retireHold } from "../../src/ring/hold.ts";
import { publicJwks } from "../../src/ring/jwks.ts";
import { parsePolicy, type RotationPolicy } from "../../src/ring/policy.ts";
import { type KeyRing, keyOf } from "../../src/ring/ring.ts";
import { accept, emit } from "../../src/ring/step.ts";
import { emitDueAt } from "../../src/ring/succession.ts";
import { fakeKey, kidOf, NOW, sampleRing } from "./sample-ring.ts";
import { soundPolicies } from "./sound-policy.ts";

/** How an old JWKS travels to a verifier, and how far two clocks are ahead. All in seconds. */
interface PublicationWorld {
  readonly acceptingClock: number;
  readonly emittingClock: number;
  /** When the slowest node last served the ring without the key. */
  readonly lag: number;
  readonly originFetch: number;
  /** How old the edge's copy is when the verifier asks for it. */
  readonly edgeAge: number;
  readonly edgeFetch: number;
}

function worstPublication(policy: RotationPolicy): PublicationWorld {
  return {
    acceptingClock: 0,
    emittingClock: policy.skewSeconds,
    lag: policy.refreshSeconds,
    originFetch: policy.fetchSeconds,
    edgeAge: maxAgeSeconds(policy),
    edgeFetch: policy.fetchSeconds,
  };
}

/** Whether a verifier lacks the key of a token signed `early` seconds before the hold is over. */
function rejectsNewKey(policy: RotationPolicy, world: PublicationWorld, early: number): boolean {
  const without = sampleRing({ ...policy, standby: false }).ring;
  const fresh = fakeKey(9, policy.alg);
  const withKey = accept(without, fresh, NOW + world.acceptingClock, true).ring;
  const key = keyOf(withKey, fresh.kid);
  const dueAt = key === undefined ? null : emitDueAt(key, policy);
  if (dueAt === null) throw new Error("The key is published.");

  const servedAt = NOW + world.lag;
  const served = publicJwks(without, servedAt);
  const askedAt = servedAt + world.originFetch + world.edgeAge;
  const keptUntil = askedAt + world.edgeFetch + policy.jwksCacheSeconds;
  const signedAt = dueAt - early - world.emittingClock;
  return signedAt < keptUntil && !served.keys.some(({ kid }) => kid === fresh.kid);
}

function publicationsOf(policy: RotationPolicy): fc.Arbitrary<PublicationWorld> {
  const upTo = (max: number) => fc.integer({ min: 0, max });
  return fc.record({
    acceptingClock: upTo(policy.skewSeconds),
    emittingClock: upTo(policy.skewSeconds),
    lag: upTo(policy.refreshSeconds),
    originFetch: upTo(policy.fetchSeconds),
    edgeAge: upTo(maxAgeSeconds(policy)),
    edgeFetch: upTo(policy.fetchSeconds),
  });
}

describe("the emit hold in the worst of worlds", () => {
  it("leaves no verifier without the key of a token", () => {
    const worlds = soundPolicies.chain((policy) => fc.tuple(fc.constant(policy), publicationsOf(policy)));
    fc.assert(
      fc.property(worlds, ([policy, world]) => {
        expect(rejectsNewKey(policy, world, 0)).toBe(false);
        expect(rejectsNewKey(policy, worstPublication(policy), 0)).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  it("is tight: one second less, and some verifier rejects an honest token", () => {
    fc.assert(
      fc.property(soundPolicies, (drawn) => {
        const policy = { ...drawn, overlapSeconds: null };
        expect(rejectsNewKey(policy, worstPublication(policy), 1)).toBe(true);
      }),
    );
  });

  it("would be too short by the margin if the edge were told to keep the JWKS for the whole cache TTL", () => {
    const policy = parsePolicy({});
    const toldWhole = { ...worstPublication(policy), edgeAge: policy.jwksCacheSeconds };
    expect(rejectsNewKey(policy, toldWhole, 0)).toBe(true);
    expect(rejectsNewKey(policy, toldWhole, -70)).toBe(false);
  });
});

/** Four clocks, how long after the turnover a signer still signs, and how soon its token is used. */
interface RetirementWorld {
  readonly emittingClock: number;
  readonly signingClock: number;
  readonly verifyingClock: number;
  readonly servingClock: number;
  readonly signedLate: number;
  readonly lifetime: number;
  /** How long before its last acceptable second the token is presented. */
  readonly usedEarly: number;
}

function worstRetirement(policy: RotationPolicy): RetirementWorld {
  return {
    emittingClock: 0,
    signingClock: policy.skewSeconds,
    verifyingClock: 0,
    servingClock: policy.skewSeconds,
    signedLate: policy.leaseSeconds,
    lifetime: policy.tokenSeconds,
    usedEarly: 0,
  };
}

/** Whether a verifier that has just started finds the key of an honest token gone. */
function rejectsOldKey(policy: RotationPolicy, world: RetirementWorld, ring: KeyRing): boolean {
  const expiresAt = NOW + world.signedLate + world.signingClock + world.lifetime;
  // RFC 7519 section 4.1.4: on or after `exp` it must not be accepted, give or take the leeway.
  const lastAcceptedAt = expiresAt + policy.leewaySeconds - world.verifyingClock - 1;
  const served = publicJwks(ring, lastAcceptedAt - world.usedEarly + world.servingClock);
  return !served.keys.some(({ kid }) => kid === kidOf(1));
}

function afterTurnover(policy: RotationPolicy, emittingClock: number): KeyRing {
  return emit(sampleRing({ ...policy, standby: true }).ring, kidOf(2), NOW + emittingClock).ring;
}

function retirementsOf(policy: RotationPolicy): fc.Arbitrary<RetirementWorld> {
  const upTo = (max: number) => fc.integer({ min: 0, max });
  return fc.record({
    emittingClock: upTo(policy.skewSeconds),
    signingClock: upTo(policy.skewSeconds),
    verifyingClock: upTo(policy.skewSeconds),
    servingClock: upTo(policy.skewSeconds),
    signedLate: upTo(policy.leaseSeconds),
    lifetime: upTo(policy.tokenSeconds),
    usedEarly: upTo(policy.tokenSeconds),
  });
}

describe("the retire hold in the worst of worlds", () => {
  it("keeps the old key published until its last token has expired everywhere", () => {
    const worlds = soundPolicies.chain((policy) => fc.tuple(fc.constant(policy), retirementsOf(policy)));
    fc.assert(
      fc.property(worlds, ([policy, world]) => {
        const ring = afterTurnover(policy, world.emittingClock);
        expect(rejectsOldKey(policy, world, ring)).toBe(false);
        expect(rejectsOldKey(policy, worstRetirement(policy), afterTurnover(policy, 0))).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  it("is tight where the token decides: one second less, and some verifier rejects an honest token", () => {
    const decidedByToken = soundPolicies.filter(
      (policy) => policy.overlapSeconds === null && retireHold(policy).decidedBy === "sum",
    );
    fc.assert(
      fc.property(decidedByToken, (policy) => {
        const ring = afterTurnover(policy, 0);
        const keys = ring.keys.map((key) =>
          key.acceptUntil === null ? key : { ...key, acceptUntil: key.acceptUntil - 1 },
        );
        expect(rejectsOldKey(policy, worstRetirement(policy), { ...ring, keys })).toBe(true);
      }),
    );
  });
});
