/** Who may emit next, and who may emit again. */
import { emitHold, maxAgeSeconds } from "./hold.ts";
import { emitterOf, keysIn } from "./phase.ts";
import type { RotationPolicy } from "./policy.ts";
import type { KeyRing, RingKey } from "./ring.ts";

/**
 * When an accepted key may emit: the promise made at its publication, or the hold of the policy
 * now in force, whichever is later. Null while its publication is unconfirmed.
 */
export function emitDueAt(key: RingKey, policy: RotationPolicy): number | null {
  if (key.publishedAt === null || key.emitAfter === null) return null;
  return Math.max(key.emitAfter, key.publishedAt + emitHold(policy).seconds);
}

export function isMatured(key: RingKey, policy: RotationPolicy, now: number): boolean {
  const dueAt = emitDueAt(key, policy);
  return dueAt !== null && now >= dueAt;
}

/** The accepted key that the schedule will make emit: the oldest of the policy's algorithm. */
export function nextEmitter(ring: KeyRing): RingKey | undefined {
  return keysIn(ring, "accepted").find((key) => key.alg === ring.policy.alg);
}

/** Accepted keys of an algorithm that the policy no longer wants. They never signed, so they may simply go. */
export function outdated(ring: KeyRing): RingKey[] {
  return keysIn(ring, "accepted").filter((key) => key.alg !== ring.policy.alg);
}

/** A rollback stands until the next key emits; asking for it again changes nothing. */
export function alreadyRolledBack(ring: KeyRing): boolean {
  return emitterOf(ring).reinstatedAt !== null;
}

/** The key that retired last, while every node still publishes it. */
export function rollbackTarget(ring: KeyRing, now: number): RingKey | null {
  const candidates = keysIn(ring, "retiring")
    .filter((key) => key.rolledBackAt === null && isOnEveryNode(key, ring, now))
    .sort((a, b) => (b.retiredAt ?? 0) - (a.retiredAt ?? 0));
  return candidates[0] ?? null;
}

/**
 * Whether no node has dropped the key yet, nor will before it knows better: one whose clock is ahead drops a
 * retiring key up to skew before `acceptUntil`, and one that is cut off from the store may serve what it knows
 * for refresh + max-age.
 */
export function isOnEveryNode(key: RingKey, ring: KeyRing, now: number): boolean {
  const { policy } = ring;
  const unaware = policy.skewSeconds + policy.refreshSeconds + maxAgeSeconds(policy);
  // Some nodes may go by when the successor's emit was decided: arrival.ts moves `retiredAt`, never `emittedAt`.
  const moved = Math.max(0, (key.retiredAt ?? 0) - (emitterOf(ring).emittedAt ?? 0));
  return now + unaware < (key.acceptUntil ?? Infinity) - moved;
}

/**
 * Who emits when the emitter is revoked, from the one that costs no honest token to the one that
 * costs most: a matured successor; the key that retired last, which everyone still trusts; the
 * accepted key that has been published longest; a fresh key.
 */
export type Successor =
  | { readonly how: "matured" | "reinstated" | "early"; readonly kid: string }
  | { readonly how: "fresh" };

/** @param isAttested whether what `now` says of a key is known by more than this one clock */
export function successorOf(
  ring: KeyRing,
  now: number,
  isAttested: (key: RingKey) => boolean = () => true,
): Successor {
  const accepted = [...keysIn(ring, "accepted")].sort(
    (a, b) => Number(b.alg === ring.policy.alg) - Number(a.alg === ring.policy.alg),
  );
  const matured = accepted.find((key) => isMatured(key, ring.policy, now) && isAttested(key));
  if (matured !== undefined) return { how: "matured", kid: matured.kid };

  const reinstated = rollbackTarget(ring, now);
  if (reinstated !== null && isAttested(reinstated)) return { how: "reinstated", kid: reinstated.kid };

  const [early] = accepted.sort((a, b) => (a.publishedAt ?? now) - (b.publishedAt ?? now));
  return early === undefined ? { how: "fresh" } : { how: "early", kid: early.kid };
}
