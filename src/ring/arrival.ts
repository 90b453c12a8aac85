/**
 * A ring is dated when its step is decided, but promises count from when the store took it: only
 * from then on can anybody see the new key, or stop signing with the old one. The two lie apart
 * when a key takes long to make, a write takes long to arrive, or the process stood still between
 * them. Whoever reads the ring counts from the later one; the next commit stores what it counted.
 */
import { phaseOf } from "./phase.ts";
import type { KeyRing, RingKey } from "./ring.ts";
import { isOnEveryNode } from "./succession.ts";

/** Both instants are rounded down to whole seconds, so less than this may be no time at all. The skew pays for it. */
const ARRIVAL_SECONDS_MIN = 2;

/** When the store took a commit, as far as is known. */
export interface Arrival {
  /** What the monotonic clock bears out. Nothing else may date a ring: a wall clock that jumped would spoil it. */
  readonly borneOut: number;
  /** What any clock says. A retired key is published until a hold after that, for longer than needed harms nobody. */
  readonly atMost: number;
}

/**
 * The ring with the holds that its last commit began moved to when the store took it.
 *
 * @returns `ring` itself when it arrived at once.
 */
export function datedByArrival(ring: KeyRing, { borneOut, atMost }: Arrival): KeyRing {
  const { committedAt, auditTail, jwksHeldUntil } = ring;
  if (Math.max(borneOut, atMost) - committedAt < ARRIVAL_SECONDS_MIN) return ring;
  const late = Math.max(0, borneOut - committedAt);
  const delay = { seconds: late, secondsAtMost: Math.max(late, atMost - committedAt) };
  const hasNewPolicy = auditTail.at(-1)?.event === "policy_changed";
  return {
    ...ring,
    committedAt: committedAt + late,
    jwksHeldUntil: jwksHeldUntil + (hasNewPolicy ? late : 0),
    keys: ring.keys.map((key) => (hasNewPolicy ? keptBack(key, ring, late) : delayed(key, ring, delay))),
    tombstones: ring.tombstones.map((tombstone) =>
      tombstone.revokedAt === committedAt ? { ...tombstone, revokedAt: committedAt + late } : tombstone,
    ),
  };
}

interface Delay {
  readonly seconds: number;
  readonly secondsAtMost: number;
}

function delayed(key: RingKey, ring: KeyRing, { seconds, secondsAtMost }: Delay): RingKey {
  const { committedAt } = ring;
  const { publishedAt, emitAfter, retiredAt, acceptUntil, rolledBackAt } = key;
  if (phaseOf(key) === "accepted" && publishedAt === committedAt && emitAfter !== null)
    return { ...key, publishedAt: publishedAt + seconds, emitAfter: emitAfter + seconds };
  if (retiredAt !== committedAt || acceptUntil === null) return key;
  return {
    ...key,
    retiredAt: retiredAt + seconds,
    acceptUntil: acceptUntil + secondsAtMost,
    // Whoever went by the earlier date may have dropped it, so no rollback may bring it back.
    rolledBackAt: isOnEveryNode(key, ring, committedAt + secondsAtMost)
      ? rolledBackAt
      : (rolledBackAt ?? committedAt + seconds),
  };
}

/** A policy may have lengthened what was promised for a retired key, after some node had dropped it. */
function keptBack(key: RingKey, { committedAt }: KeyRing, late: number): RingKey {
  return key.retiredAt === null ? key : { ...key, rolledBackAt: key.rolledBackAt ?? committedAt + late };
}
