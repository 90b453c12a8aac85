/** The ring as an operator sees it. Plain data, nothing private, fit for JSON. */
import { type Clock, readingOf } from "../clock.ts";
import type { Algorithm } from "../ring/algorithm.ts";
import { emitterOf, type Phase, phaseOf } from "../ring/phase.ts";
import { nextDueAt, overdueSince, type PlannedStep, timeline } from "../ring/plan.ts";
import type { RotationPolicy } from "../ring/policy.ts";
import type { RingKey, Tombstone } from "../ring/ring.ts";
import { emitDueAt } from "../ring/succession.ts";
import type { BlockedBecause } from "../telemetry/events.ts";
import { ageSeconds, type Snapshot } from "./snapshot.ts";

export interface KeyStatus extends Omit<RingKey, "publicJwk" | "sealedJwk"> {
  readonly phase: Exclude<Phase, "revoked">;
  /** When its emit hold ends; null before publication is confirmed. */
  readonly emitDueAt: number | null;
}

export interface Status {
  readonly ring: string;
  readonly generation: number;
  readonly now: number;
  /** The kid that signs. */
  readonly emitter: string;
  readonly alg: Algorithm;
  readonly keys: readonly KeyStatus[];
  readonly revoked: readonly Tombstone[];
  readonly policy: RotationPolicy;
  /** False when this node is configured with another policy: it signs, but makes no step. */
  readonly policyMatches: boolean;
  readonly pausedAt: number | null;
  readonly rotateRequestedAt: number | null;
  readonly nextStep: PlannedStep | null;
  readonly nextDueAt: number | null;
  /** Since when a due step waits too long: the schedule has stopped or is blocked. Null when all is well. */
  readonly overdueSince: number | null;
  /** Why the last tick did not take a due step. */
  readonly blocked: BlockedBecause | null;
  /** Id of the KEK that seals the ring. */
  readonly kek: string;
  readonly leaseAgeSeconds: number;
  /** False when the snapshot is older than the lease: this node must not sign. */
  readonly canSign: boolean;
}

export function statusOf(
  snapshot: Snapshot,
  clock: Clock,
  node: { readonly policyMatches: boolean; readonly blocked: BlockedBecause | null },
): Status {
  const { ring, kek } = snapshot;
  const reading = readingOf(clock);
  const age = ageSeconds(snapshot, reading);
  return {
    ring: ring.id,
    generation: ring.generation,
    now: reading.now,
    emitter: emitterOf(ring).kid,
    alg: emitterOf(ring).alg,
    keys: ring.keys.map((key) => keyStatus(key, ring.policy)),
    revoked: ring.tombstones,
    policy: ring.policy,
    policyMatches: node.policyMatches,
    pausedAt: ring.pausedAt,
    rotateRequestedAt: ring.rotateRequestedAt,
    nextStep: timeline(ring, reading.now, 1)[0] ?? null,
    nextDueAt: nextDueAt(ring),
    overdueSince: overdueSince(ring, reading.now),
    blocked: node.blocked,
    kek: kek.id,
    leaseAgeSeconds: Math.floor(age),
    canSign: age <= ring.policy.leaseSeconds,
  };
}

function keyStatus(key: RingKey, policy: RotationPolicy): KeyStatus {
  const { publicJwk: _publicJwk, sealedJwk: _sealedJwk, ...facts } = key;
  return { ...facts, phase: phaseOf(key), emitDueAt: emitDueAt(key, policy) };
}
