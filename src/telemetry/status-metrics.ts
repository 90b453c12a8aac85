/** Gauges: how ring and node stand at the moment they are asked. */
import { Gauge, type Registry } from "prom-client";
import type { Phase } from "../ring/phase.ts";
import type { RotationPolicy } from "../ring/policy.ts";
import type { BlockedBecause } from "./events.ts";

/** What of the manager's status is measured. */
export interface ObservedStatus {
  readonly ring: string;
  readonly generation: number;
  readonly now: number;
  readonly emitter: string;
  readonly keys: readonly {
    readonly kid: string;
    readonly alg: string;
    readonly phase: Exclude<Phase, "revoked">;
    readonly emittedAt: number | null;
  }[];
  readonly policy: RotationPolicy;
  readonly policyMatches: boolean;
  readonly pausedAt: number | null;
  readonly nextDueAt: number | null;
  readonly blocked: BlockedBecause | null;
  readonly kek: string;
  readonly leaseAgeSeconds: number;
  readonly canSign: boolean;
}

/** How far an audit sink is behind. */
export interface ObservedSink {
  /** Its name: `file`, `stdout`, `http`. */
  readonly sink: string;
  /** Records of the ring that it has not acknowledged. */
  readonly backlogRecords: number;
  /** When the oldest of them was committed, in epoch seconds; null when there is none. */
  readonly backlogSince: number | null;
}

/** How old this node's copy of the book of API tokens is. */
export interface ObservedApiTokens {
  readonly ageSeconds: number;
}

const PHASES = ["accepted", "emitting", "retiring"] as const;

/** Every reason has its series at all times, so that an alert on one sees 0 and not nothing. */
const BLOCKED_BECAUSE: Readonly<Record<BlockedBecause, true>> = {
  steps_off: true,
  policy_mismatch: true,
  clock_backward: true,
  clock_forward: true,
  publication_unconfirmed: true,
  audit_backlog: true,
};

/** The durations of the policy that alerts measure against, so that no rule repeats a number of the configuration. */
const DURATIONS = {
  rotate_every: "rotateEverySeconds",
  jwks_cache: "jwksCacheSeconds",
  lease: "leaseSeconds",
  skew: "skewSeconds",
} as const satisfies Record<string, keyof RotationPolicy>;

export type Observe = (
  status: ObservedStatus,
  sinks: readonly ObservedSink[],
  apiTokens: ObservedApiTokens,
) => void;

export function statusMetrics(registry: Registry): Observe {
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge({ name, help, labelNames, registers: [registry] });

  const ring = gauge("keyturn_ring_info", "Always 1; names the ring that this node holds.", ["ring"]);
  const generation = gauge("keyturn_ring_generation", "Generation of the ring that this node holds.");
  const keys = gauge("keyturn_keys", "Keys in the ring, by phase.", ["phase"]);
  const emitter = gauge("keyturn_emitter_info", "Always 1; names the key that signs.", ["kid", "alg"]);
  const emitterAge = gauge("keyturn_emitter_age_seconds", "How long the emitter has been emitting.");
  const kek = gauge("keyturn_kek_info", "Always 1; names the KEK that seals the ring.", ["kek"]);
  const overdue = gauge(
    "keyturn_step_overdue_seconds",
    "Seconds since the next step was due; 0 while none is. A schedule that stopped shows here.",
  );
  const blocked = gauge("keyturn_step_blocked", "1 while a due step is not taken, by why.", ["because"]);
  const paused = gauge("keyturn_paused", "1 while the automatic steps are paused.");
  const mismatch = gauge("keyturn_policy_mismatch", "1 while this node's policy is not the ring's.");
  const leaseAge = gauge("keyturn_lease_age_seconds", "How long ago this node read the ring.");
  const apiTokensAge = gauge(
    "keyturn_api_tokens_age_seconds",
    "How long ago this node read the API tokens. When they are older than the lease it answers no caller.",
  );
  const canSign = gauge("keyturn_can_sign", "1 while the ring is fresh enough to sign with.");
  const durations = gauge("keyturn_policy_seconds", "Durations of the ring's policy.", ["duration"]);
  const clock = gauge("keyturn_clock_seconds", "This node's wall clock at the scrape, in epoch seconds.");
  const backlog = gauge("keyturn_audit_backlog_records", "Audit records that a sink has not acknowledged.", [
    "sink",
  ]);
  const backlogAge = gauge(
    "keyturn_audit_backlog_seconds",
    "How long ago the oldest audit record was committed that a sink has not acknowledged; 0 for none.",
    ["sink"],
  );

  return (status, sinks, apiTokens) => {
    const emitting = status.keys.find(({ kid }) => kid === status.emitter);
    const since = (instant: number | null) => (instant === null ? 0 : Math.max(0, status.now - instant));

    ring.reset();
    ring.set({ ring: status.ring }, 1);
    generation.set(status.generation);
    for (const phase of PHASES) keys.set({ phase }, status.keys.filter((key) => key.phase === phase).length);
    emitter.reset();
    emitter.set({ kid: status.emitter, alg: emitting?.alg ?? "" }, 1);
    emitterAge.set(since(emitting?.emittedAt ?? null));
    kek.reset();
    kek.set({ kek: status.kek }, 1);
    overdue.set(since(status.nextDueAt));
    for (const because of Object.keys(BLOCKED_BECAUSE))
      blocked.set({ because }, status.blocked === because ? 1 : 0);
    paused.set(status.pausedAt === null ? 0 : 1);
    mismatch.set(status.policyMatches ? 0 : 1);
    leaseAge.set(status.leaseAgeSeconds);
    apiTokensAge.set(apiTokens.ageSeconds);
    canSign.set(status.canSign ? 1 : 0);
    for (const [duration, field] of Object.entries(DURATIONS))
      durations.set({ duration }, status.policy[field]);
    clock.set(status.now);
    backlog.reset();
    backlogAge.reset();
    for (const { sink, backlogRecords, backlogSince } of sinks) {
      backlog.set({ sink }, backlogRecords);
      backlogAge.set({ sink }, since(backlogSince));
    }
  };
}
