/**
 * What a ring does, told once more and as simply as it can be: instants, and arithmetic on them. It
 * asks none of the rules in src; where the two disagree, one of them is wrong.
 */
import type { RotationPolicy } from "../../src/ring/policy.ts";

export interface ModelKey {
  readonly kid: string;
  readonly alg: string;
  readonly createdAt: number;
  readonly publishedAt: number;
  readonly emitAfter: number;
  readonly emittedAt: number | null;
  readonly early: boolean;
  readonly retireHold: number | null;
  readonly retiredAt: number | null;
  readonly acceptUntil: number | null;
  readonly rolledBack: boolean;
  readonly reinstated: boolean;
}

export interface ModelRing {
  readonly policy: RotationPolicy;
  readonly committedAt: number;
  readonly paused: boolean;
  readonly requestedAt: number | null;
  readonly heldUntil: number;
  readonly keys: readonly ModelKey[];
  readonly gone: readonly string[];
}

export const emitHoldOf = (policy: RotationPolicy): number =>
  policy.overlapSeconds ?? 2 * policy.jwksCacheSeconds;

export const retireHoldOf = (policy: RotationPolicy): number =>
  Math.max(
    policy.overlapSeconds ?? 2 * policy.jwksCacheSeconds,
    policy.leaseSeconds + policy.tokenSeconds + policy.leewaySeconds + 2 * policy.skewSeconds,
  );

const LIVE_KEYS_MAX = 10;

export const emitterIn = (ring: ModelRing): ModelKey =>
  ring.keys.find((key) => key.emittedAt !== null && key.retiredAt === null) as ModelKey;

const acceptedIn = (ring: ModelRing) => ring.keys.filter((key) => key.emittedAt === null);
const nextIn = (ring: ModelRing) => acceptedIn(ring).find((key) => key.alg === ring.policy.alg);
const emitDueAt = (ring: ModelRing, key: ModelKey) =>
  Math.max(key.emitAfter, key.publishedAt + emitHoldOf(ring.policy));
const turnoverAt = (ring: ModelRing) =>
  ring.requestedAt ?? (emitterIn(ring).emittedAt as number) + ring.policy.rotateEverySeconds;

export function publishedIn(ring: ModelRing, now: number): string[] {
  return ring.keys.filter((key) => key.acceptUntil === null || now < key.acceptUntil).map(({ kid }) => kid);
}

export type ModelStep =
  | { readonly step: "accept" }
  | { readonly step: "emit" | "revoke"; readonly kid: string };

/** The one step that a tick takes. */
export function dueStep(ring: ModelRing, now: number): ModelStep | null {
  const next = nextIn(ring);
  const old = acceptedIn(ring).findLast((key) => key.alg !== ring.policy.alg);
  const full = ring.keys.length >= LIVE_KEYS_MAX;
  if (ring.paused && ring.requestedAt === null) return null;

  const canGo = next === undefined ? full : emitDueAt(ring, next) <= now;
  if (!ring.paused && old !== undefined && canGo) return { step: "revoke", kid: old.kid };
  if (next !== undefined && turnoverAt(ring) <= now && emitDueAt(ring, next) <= now)
    return { step: "emit", kid: next.kid };
  const inTime = ring.policy.standby || turnoverAt(ring) - emitHoldOf(ring.policy) <= now;
  if (next === undefined && !full && inTime) return { step: "accept" };
  const [over] = ring.keys
    .filter((key) => key.acceptUntil !== null && key.acceptUntil <= now)
    .sort((a, b) => (a.acceptUntil as number) - (b.acceptUntil as number));
  return ring.paused || over === undefined ? null : { step: "revoke", kid: over.kid };
}

export function genesis(policy: RotationPolicy, kids: readonly string[], now: number): ModelRing {
  const empty = {
    policy,
    committedAt: now,
    paused: false,
    requestedAt: null,
    heldUntil: 0,
    keys: [],
    gone: [],
  };
  const [first = "", ...standbys] = kids;
  const born = {
    ...keyOf(empty, first, now),
    emitAfter: now,
    emittedAt: now,
    retireHold: retireHoldOf(policy),
  };
  return standbys.reduce((ring, kid) => withAccepted(ring, kid, now), {
    ...empty,
    keys: [born],
  } as ModelRing);
}

function keyOf(ring: ModelRing, kid: string, now: number): ModelKey {
  return {
    kid,
    alg: ring.policy.alg,
    createdAt: now,
    publishedAt: now,
    emitAfter: Math.max(now + emitHoldOf(ring.policy), ring.heldUntil),
    emittedAt: null,
    early: false,
    retireHold: null,
    retiredAt: null,
    acceptUntil: null,
    rolledBack: false,
    reinstated: false,
  };
}

export function withAccepted(ring: ModelRing, kid: string, now: number): ModelRing {
  return { ...ring, keys: [...ring.keys, keyOf(ring, kid, now)] };
}

export function without(ring: ModelRing, kid: string): ModelRing {
  return { ...ring, keys: ring.keys.filter((key) => key.kid !== kid), gone: [...ring.gone, kid] };
}

/** `kid` signs from now on; whoever did retires. A turnover that was asked for is done. */
export function switched(
  ring: ModelRing,
  kid: string,
  now: number,
  facts: Partial<ModelKey> = {},
): ModelRing {
  const hold = retireHoldOf(ring.policy);
  const old = emitterIn(ring);
  const keys = ring.keys.map((key) => {
    if (key.kid === old.kid)
      return { ...key, retiredAt: now, acceptUntil: now + Math.max(key.retireHold as number, hold) };
    if (key.kid !== kid) return key;
    const retireHold = Math.max(key.retireHold ?? 0, hold);
    return { ...key, emittedAt: now, retireHold, retiredAt: null, acceptUntil: null, ...facts };
  });
  return { ...ring, keys, requestedAt: null };
}

/** Everyone still trusts it, and will for as long as a node may lag. */
function rollbackTarget(ring: ModelRing, now: number): ModelKey | undefined {
  return ring.keys
    .filter((key) => key.retiredAt !== null && !key.rolledBack && isOnEveryNode(ring, key, now))
    .sort((a, b) => (b.retiredAt as number) - (a.retiredAt as number))[0];
}

const isOnEveryNode = ({ policy }: ModelRing, key: ModelKey, now: number) =>
  // Nobody who has not heard of the rollback serves a JWKS for longer than the cache less two fetches.
  now + policy.jwksCacheSeconds - 2 * policy.fetchSeconds < (key.acceptUntil as number);

/** Null: nothing to do. */
export function rolledBack(ring: ModelRing, now: number): ModelRing | null | "rollback_impossible" {
  const failed = emitterIn(ring);
  if (failed.reinstated) return null;
  const target = rollbackTarget(ring, now);
  return target === undefined ? "rollback_impossible" : swappedBack(ring, failed.kid, target.kid, now);
}

function swappedBack(ring: ModelRing, failed: string, target: string, now: number): ModelRing {
  const back = switched(ring, target, now, { reinstated: true });
  return { ...back, keys: back.keys.map((key) => (key.kid === failed ? { ...key, rolledBack: true } : key)) };
}

export type Rotation = "emitted" | "scheduled" | "in_progress" | "just_done";

export function rotationOf(ring: ModelRing, now: number): Rotation {
  const emitter = emitterIn(ring);
  const next = nextIn(ring);
  const tookOver = emitter.emittedAt !== emitter.createdAt && !emitter.reinstated;
  if (tookOver && now - (emitter.emittedAt as number) < emitHoldOf(ring.policy)) return "just_done";
  if (next !== undefined && emitDueAt(ring, next) <= now) return "emitted";
  return ring.requestedAt === null ? "scheduled" : "in_progress";
}

export function rotated(ring: ModelRing, now: number): ModelRing | null {
  const rotation = rotationOf(ring, now);
  if (rotation === "emitted") return switched(ring, (nextIn(ring) as ModelKey).kid, now);
  return rotation === "scheduled" ? { ...ring, requestedAt: now } : null;
}

/** Who follows the emitter in an emergency; `fresh` when there is nobody. */
export function heirOf(
  ring: ModelRing,
  now: number,
): { kid: string; early: boolean; back: boolean } | "fresh" {
  const accepted = acceptedIn(ring);
  const wanted = [
    ...accepted.filter(({ alg }) => alg === ring.policy.alg),
    ...accepted.filter(({ alg }) => alg !== ring.policy.alg),
  ];
  const ripe = wanted.find((key) => emitDueAt(ring, key) <= now);
  if (ripe !== undefined) return { kid: ripe.kid, early: false, back: false };
  const trusted = rollbackTarget(ring, now);
  if (trusted !== undefined) return { kid: trusted.kid, early: false, back: true };
  const [longest] = wanted.sort((a, b) => a.publishedAt - b.publishedAt);
  return longest === undefined ? "fresh" : { kid: longest.kid, early: true, back: false };
}

/** @param fresh the kid of a new key, where one is needed */
export function revoked(
  ring: ModelRing,
  kid: string,
  now: number,
  fresh: () => string,
): ModelRing | null | "kid_unknown" {
  if (ring.gone.includes(kid)) return null;
  if (!ring.keys.some((key) => key.kid === kid)) return "kid_unknown";
  const emitter = emitterIn(ring);
  if (kid !== emitter.kid) return without(ring, kid);
  const heir = heirOf(ring, now);
  if (heir === "fresh") {
    const born = fresh();
    return without(switched(withAccepted(ring, born, now), born, now, { early: true }), kid);
  }
  const followed = heir.back
    ? swappedBack(ring, kid, heir.kid, now)
    : switched(ring, heir.kid, now, heir.early ? { early: true } : {});
  return without(followed, kid);
}

/** Promises are kept or lengthened. */
export function underPolicy(ring: ModelRing, policy: RotationPolicy, now: number): ModelRing | null {
  if (JSON.stringify(ring.policy) === JSON.stringify(policy)) return null;
  const hold = retireHoldOf(policy);
  const keys = ring.keys.map((key) => ({
    ...key,
    retireHold: key.retireHold === null ? null : Math.max(key.retireHold, hold),
    acceptUntil:
      key.retiredAt !== null && isOnEveryNode(ring, key, now)
        ? Math.max(key.acceptUntil as number, key.retiredAt + hold)
        : key.acceptUntil,
  }));
  return { ...ring, policy, keys, heldUntil: Math.max(ring.heldUntil, now + emitHoldOf(ring.policy)) };
}
