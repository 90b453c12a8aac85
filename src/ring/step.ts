/**
 * The steps and commands as ring → ring. None asks whether its time has come: that is plan.ts.
 * Each returns the changed ring with what the audit record will say of it; the generation, the
 * record and the store are the manager's business.
 */
import { KeyturnError } from "../errors.ts";
import type { AuditEvent } from "./audit.ts";
import { emitHold, retireHold } from "./hold.ts";
import { emitterOf } from "./phase.ts";
import type { RotationPolicy } from "./policy.ts";
import {
  isRoutine,
  type KeyRing,
  keyOf,
  type NewKey,
  type RingKey,
  ROUTINE_TOMBSTONES_MAX,
  type Tombstone,
  tombstoneOf,
} from "./ring.ts";
import { alreadyRolledBack, isOnEveryNode, rollbackTarget, successorOf } from "./succession.ts";

export interface Change {
  readonly ring: KeyRing;
  readonly event: AuditEvent;
}

/** A ring that has never been committed. No verifier can hold an older JWKS, so its first key emits at once. */
export function firstRing(
  id: string,
  policy: RotationPolicy,
  [first, standby]: readonly [NewKey, NewKey | null],
  now: number,
  confirmed: boolean,
): Change {
  const genesis: RingKey = {
    ...unborn(first, now),
    publishedAt: now,
    emitAfter: now,
    emittedAt: now,
    retireHoldSeconds: retireHold(policy).seconds,
  };
  const empty: KeyRing = {
    id,
    generation: 0,
    committedAt: now,
    policy,
    pausedAt: null,
    rotateRequestedAt: null,
    jwksHeldUntil: 0,
    keys: [genesis],
    tombstones: [],
    auditTail: [],
  };
  const ring = standby === null ? empty : accept(empty, standby, now, confirmed).ring;
  return { ring, event: { event: "init", oldKid: null, newKid: first.kid } };
}

/** Publishes a new key. Unless `confirmed`, its hold starts only when a probe has seen it served. */
export function accept(ring: KeyRing, fresh: NewKey, now: number, confirmed: boolean): Change {
  const key = confirmed ? published(ring, unborn(fresh, now), now) : unborn(fresh, now);
  return {
    ring: { ...ring, keys: [...ring.keys, key] },
    event: { event: "accept", oldKid: null, newKid: fresh.kid },
  };
}

/** The public URL has been seen to serve the key: its emit hold starts here. */
export function confirm(ring: KeyRing, kid: string, now: number): Change {
  return {
    ring: replaced(ring, kid, (key) => published(ring, key, now)),
    event: { event: "confirm", oldKid: null, newKid: kid },
  };
}

/** Makes `kid` the emitter; the previous one retires in the same commit. */
export function emit(ring: KeyRing, kid: string, now: number): Change {
  const previous = emitterOf(ring);
  const switched = emitting(retired(ring, previous.kid, now), kid, now, false);
  return {
    ring: { ...switched, rotateRequestedAt: null },
    event: { event: "emit", oldKid: previous.kid, newKid: kid },
  };
}

/**
 * The key that retired last emits again; the failed one retires in its place, with a retire hold
 * of its own because tokens it signed are honest, and never emits again.
 *
 * @returns null when the emitter already is what a rollback left: repeated is the same as once.
 * @throws KeyturnError `rollback_impossible`
 */
export function rollback(ring: KeyRing, now: number): Change | null {
  if (alreadyRolledBack(ring)) return null;
  const failed = emitterOf(ring);
  const target = rollbackTarget(ring, now);
  if (target === null) {
    throw new KeyturnError("rollback_impossible", "No earlier key is left to roll back to.", {
      fix: "To get rid of the emitting key, revoke it with a reason; its successor takes over.",
    });
  }
  return {
    ring: { ...rolledBack(ring, failed.kid, target.kid, now), rotateRequestedAt: null },
    event: { event: "rollback", oldKid: failed.kid, newKid: target.kid },
  };
}

/**
 * Takes `kid` out of the JWKS at once and for ever; legal in every phase. When it is the emitter,
 * another key emits in the same commit (succession.ts says which).
 *
 * @param fresh a new key, needed only when nothing in the ring can succeed.
 * @param isAttested as for `successorOf`: a successor that is not attested emits early
 * @returns null when the kid is revoked already.
 * @throws KeyturnError `kid_unknown`
 */
export function revoke(
  ring: KeyRing,
  kid: string,
  because: string,
  now: number,
  fresh: NewKey | null,
  isAttested?: (key: RingKey) => boolean,
): Change | null {
  if (tombstoneOf(ring, kid) !== undefined) return null;
  const key = keyOf(ring, kid);
  if (key === undefined) {
    throw new KeyturnError("kid_unknown", "The ring knows no key of this kid.", {
      fix: "`keyturn status` lists the kids; the audit log remembers those that left long ago.",
    });
  }
  if (key !== emitterOf(ring)) {
    return { ring: buried(ring, key, because, now), event: { event: "revoke", oldKid: kid, newKid: null } };
  }
  const { ring: succeeded, emitter, early } = succeed(ring, now, fresh, isAttested);
  return {
    ring: { ...buried(succeeded, key, because, now), rotateRequestedAt: null },
    event: { event: "revoke", oldKid: kid, newKid: emitter, ...(early ? { earlyEmit: true } : {}) },
  };
}

export function pause(ring: KeyRing, now: number): Change | null {
  if (ring.pausedAt !== null) return null;
  return { ring: { ...ring, pausedAt: now }, event: { event: "pause", oldKid: null, newKid: null } };
}

export function resume(ring: KeyRing): Change | null {
  if (ring.pausedAt === null) return null;
  return { ring: { ...ring, pausedAt: null }, event: { event: "resume", oldKid: null, newKid: null } };
}

/** Notes that an operator wants the next turnover as soon as its successor may emit. */
export function requestRotation(ring: KeyRing, now: number): Change {
  return {
    ring: { ...ring, rotateRequestedAt: now },
    event: { event: "rotate_requested", oldKid: emitterOf(ring).kid, newKid: null },
  };
}

/**
 * Puts another policy in force. A change can lengthen a promise made to a live key, never shorten it.
 *
 * @returns null when it is in force already.
 */
export function applyPolicy(ring: KeyRing, policy: RotationPolicy, now: number): Change | null {
  if (samePolicy(ring.policy, policy)) return null;
  const hold = retireHold(policy).seconds;
  const keys = ring.keys.map((key) => ({
    ...key,
    retireHoldSeconds: longest(key.retireHoldSeconds, hold),
    // A key that some node has dropped stays dropped: a rollback must find it known everywhere or not at all.
    acceptUntil:
      key.retiredAt !== null && isOnEveryNode(key, ring, now)
        ? longest(key.acceptUntil, key.retiredAt + hold)
        : key.acceptUntil,
  }));
  const jwksHeldUntil = Math.max(ring.jwksHeldUntil, now + emitHold(ring.policy).seconds);
  return {
    ring: { ...ring, policy, keys, jwksHeldUntil },
    event: { event: "policy_changed", oldKid: null, newKid: null, details: differences(ring.policy, policy) },
  };
}

export function samePolicy(a: RotationPolicy, b: RotationPolicy): boolean {
  return Object.keys(differences(a, b)).length === 0;
}

/** The fields in which `to` differs, with their new values. */
function differences(from: RotationPolicy, to: RotationPolicy): NonNullable<AuditEvent["details"]> {
  const fields = (Object.keys(from) as (keyof RotationPolicy)[]).filter((field) => from[field] !== to[field]);
  return Object.fromEntries(fields.map((field) => [field, to[field]]));
}

/** Swaps sealed private keys for the same keys under the KEK with id `kek`. */
export function resealed(ring: KeyRing, sealedByKid: ReadonlyMap<string, string>, kek: string): Change {
  const keys = ring.keys.map((key) => ({ ...key, sealedJwk: sealedByKid.get(key.kid) ?? key.sealedJwk }));
  return {
    ring: { ...ring, keys },
    event: { event: "rewrap", oldKid: null, newKid: null, details: { kek } },
  };
}

function succeed(ring: KeyRing, now: number, fresh: NewKey | null, isAttested?: (key: RingKey) => boolean) {
  const failed = emitterOf(ring);
  const successor = successorOf(ring, now, isAttested);
  if (successor.how === "reinstated") {
    return { ring: rolledBack(ring, failed.kid, successor.kid, now), emitter: successor.kid, early: false };
  }
  if (successor.how === "fresh" && fresh === null) throw new Error("This revoke needs a fresh key.");
  const early = successor.how !== "matured";
  const kid = successor.how === "fresh" ? (fresh as NewKey).kid : successor.kid;
  const candidates = successor.how === "fresh" ? accept(ring, fresh as NewKey, now, true).ring : ring;
  return { ring: emitting(retired(candidates, failed.kid, now), kid, now, early), emitter: kid, early };
}

function rolledBack(ring: KeyRing, failed: string, target: string, now: number): KeyRing {
  const without = replaced(retired(ring, failed, now), failed, (key) => ({ ...key, rolledBackAt: now }));
  return replaced(emitting(without, target, now, false), target, (key) => ({ ...key, reinstatedAt: now }));
}

function emitting(ring: KeyRing, kid: string, now: number, early: boolean): KeyRing {
  const hold = retireHold(ring.policy).seconds;
  return replaced(ring, kid, (key) => ({
    ...key,
    // A key that an emergency needs is published with the commit that makes it emit.
    publishedAt: key.publishedAt ?? now,
    emitAfter: key.emitAfter ?? now + emitHold(ring.policy).seconds,
    emittedAt: now,
    earlyEmit: key.earlyEmit || early,
    retireHoldSeconds: longest(key.retireHoldSeconds, hold) ?? hold,
    retiredAt: null,
    acceptUntil: null,
  }));
}

function retired(ring: KeyRing, kid: string, now: number): KeyRing {
  const hold = retireHold(ring.policy).seconds;
  return replaced(ring, kid, (key) => ({
    ...key,
    retiredAt: now,
    acceptUntil: now + (longest(key.retireHoldSeconds, hold) ?? hold),
  }));
}

function published(ring: KeyRing, key: RingKey, now: number): RingKey {
  return {
    ...key,
    publishedAt: now,
    emitAfter: Math.max(now + emitHold(ring.policy).seconds, ring.jwksHeldUntil),
  };
}

/** The private half goes with the key: a tombstone keeps only the kid. */
function buried(ring: KeyRing, { kid }: RingKey, because: string, now: number): KeyRing {
  return {
    ...ring,
    keys: ring.keys.filter((key) => key.kid !== kid),
    tombstones: remembered([...ring.tombstones, { kid, revokedAt: now, revokedBecause: because }]),
  };
}

/** Operators' tombstones stay for ever; of the schedule's, which never end, the newest are enough. */
function remembered(tombstones: readonly Tombstone[]): Tombstone[] {
  const routine = tombstones.filter(isRoutine);
  const forgotten = new Set(routine.slice(0, -ROUTINE_TOMBSTONES_MAX));
  return tombstones.filter((tombstone) => !forgotten.has(tombstone));
}

function unborn(fresh: NewKey, createdAt: number): RingKey {
  return {
    kid: fresh.kid,
    alg: fresh.alg,
    publicJwk: fresh.publicJwk,
    sealedJwk: fresh.sealedJwk,
    createdAt,
    publishedAt: null,
    emitAfter: null,
    emittedAt: null,
    earlyEmit: false,
    retireHoldSeconds: null,
    retiredAt: null,
    acceptUntil: null,
    rolledBackAt: null,
    reinstatedAt: null,
  };
}

function replaced(ring: KeyRing, kid: string, change: (key: RingKey) => RingKey): KeyRing {
  return { ...ring, keys: ring.keys.map((key) => (key.kid === kid ? change(key) : key)) };
}

/** The later or longer of a promise and a demand; no promise stays no promise. */
function longest(promised: number | null, demanded: number): number | null {
  return promised === null ? null : Math.max(promised, demanded);
}
