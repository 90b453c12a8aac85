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

/**
 * The ring with the holds that its last commit began moved to `arrivedAt`, when the store took it.
 *
 * @returns `ring` itself when it arrived at once.
 */
export function datedByArrival(ring: KeyRing, arrivedAt: number): KeyRing {
  const { committedAt, auditTail, jwksHeldUntil } = ring;
  const late = arrivedAt - committedAt;
  if (late < ARRIVAL_SECONDS_MIN) return ring;
  const hasNewPolicy = auditTail.at(-1)?.event === "policy_changed";
  return {
    ...ring,
    committedAt: arrivedAt,
    jwksHeldUntil: jwksHeldUntil + (hasNewPolicy ? late : 0),
    keys: ring.keys.map((key) => arrived(key, ring, arrivedAt)),
  };
}

function arrived(key: RingKey, { committedAt, policy }: KeyRing, arrivedAt: number): RingKey {
  const { publishedAt, emitAfter, retiredAt, acceptUntil } = key;
  const late = arrivedAt - committedAt;
  if (phaseOf(key) === "accepted" && publishedAt === committedAt && emitAfter !== null)
    return { ...key, publishedAt: arrivedAt, emitAfter: emitAfter + late };
  if (retiredAt === committedAt && acceptUntil !== null) {
    // Whoever went by the earlier date may have dropped it, so no rollback may bring it back.
    const rolledBackAt = isOnEveryNode(key, policy, arrivedAt)
      ? key.rolledBackAt
      : (key.rolledBackAt ?? arrivedAt);
    return { ...key, retiredAt: arrivedAt, acceptUntil: acceptUntil + late, rolledBackAt };
  }
  return key;
}
