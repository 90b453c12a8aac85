/** One due step per tick, unless something says that it had better wait. */
import { type Clock, readingOf } from "../clock.ts";
import type { Kek } from "../keys/kek.ts";
import type { AuditCause } from "../ring/audit.ts";
import { nextDueAt, nextStep, type Step } from "../ring/plan.ts";
import type { RotationPolicy } from "../ring/policy.ts";
import type { KeyRing } from "../ring/ring.ts";
import * as rules from "../ring/step.ts";
import type { RingStore } from "../store/store.ts";
import type { BlockedBecause, OnEvent } from "../telemetry/events.ts";
import type { AuditRoomOf } from "./audit-hold.ts";
import type { Commit } from "./commit.ts";
import { type FreshKey, freshKey } from "./fresh-key.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Witness } from "./witness.ts";

/** The kids that the public JWKS URL shows to an ordinary client. */
export type Probe = () => Promise<readonly string[]>;

/** What a tick and the commands need of their node. */
export interface Node {
  readonly store: Pick<RingStore, "writesEverySeconds" | "description">;
  /** The policy that the node is configured with; null when it takes the ring's. */
  readonly policy: RotationPolicy | null;
  readonly kek: Kek;
  readonly clock: Clock;
  readonly commit: Commit;
  readonly witness: Witness;
  readonly probe: Probe | undefined;
  /** How far the audit sinks allow changes; undefined where there are none to wait for. */
  readonly auditRoom: AuditRoomOf | undefined;
  /** Whether this node may make steps at all. */
  stepsOn(): Promise<boolean>;
  /** The ring as last read; null before that. */
  ring(): KeyRing | null;
  readonly onEvent: OnEvent;
}

export interface TickResult {
  /** The step taken, or null. */
  readonly step: Step | null;
  /** Why a due step was not taken, or null. */
  readonly blocked: BlockedBecause | null;
  /** When the next step falls due. */
  readonly nextDueAt: number | null;
}

export interface Ticker {
  tick(): Promise<TickResult>;
  /** The node's own standing towards the ring. */
  state(ring: KeyRing): { readonly policyMatches: boolean; readonly blocked: BlockedBecause | null };
  /** The node's configured policy from now on. */
  adopt(policy: RotationPolicy): void;
}

const SCHEDULE: AuditCause = { trigger: "automatic", actor: "schedule", reason: null };

export function ticker(node: Node): Ticker {
  const { clock, commit, witness, probe, onEvent } = node;
  let policy = node.policy;
  let blocked: BlockedBecause | null = null;

  const matches = (ring: KeyRing) => policy === null || rules.samePolicy(policy, ring.policy);

  function whyWait({ ring }: Snapshot, step: Step, served: readonly string[] | null): BlockedBecause | null {
    const reading = readingOf(clock);
    if (!matches(ring)) return "policy_mismatch";
    if (isBehind(ring, reading.now)) return "clock_backward";
    const doubt = witness.doubts(ring, reading);
    if (doubt !== null) return doubt;
    if (!witness.confirms(ring, step, reading)) return "clock_forward";
    if (step.step === "confirm" && served?.includes(step.kid) === false) return "publication_unconfirmed";
    return null;
  }

  async function whyHeldByAudit({ ring }: Snapshot): Promise<BlockedBecause | null> {
    return (await node.auditRoom?.(ring)) === "none" ? "audit_backlog" : null;
  }

  /** The kids that the public URL shows, if a key waits for that. A URL that does not answer shows nothing. */
  async function kidsShown(ask: Probe): Promise<readonly string[]> {
    const waiting = node.ring()?.keys.some(({ publishedAt }) => publishedAt === null) === true;
    return waiting ? ask().catch((): string[] => []) : [];
  }

  async function tick(): Promise<TickResult> {
    const fresh = freshKey();
    // Asked before the commit takes its turn, so that a URL that hangs keeps no command waiting.
    const served = probe === undefined ? null : await kidsShown(probe);
    // Each tick its own: several may be under way, and `blocked` shows the last that ended.
    const found: { step: Step | null; blocked: BlockedBecause | null } = { step: null, blocked: null };
    const { snapshot } = await commit(async (base, now) => {
      const step = base === null ? null : nextStep(base.ring, now);
      found.step = found.blocked = null;
      // A ring from the future has no step due, and that is what is wrong with it.
      if (base !== null && step === null && isBehind(base.ring, clock.now()))
        found.blocked = "clock_backward";
      if (base === null || step === null) return null;
      found.blocked = (await node.stepsOn()) ? whyWait(base, step, served) : "steps_off";
      found.blocked ??= await whyHeldByAudit(base);
      if (found.blocked !== null) return null;
      found.step = step;
      return carriedOut(base, step, now, probe === undefined, fresh);
    }, SCHEDULE);
    blocked = found.blocked;
    if (blocked !== null) onEvent({ type: "step_blocked", because: blocked });
    return { ...found, nextDueAt: nextDueAt(snapshot.ring) };
  }

  return {
    tick,
    state: (ring) => ({ policyMatches: matches(ring), blocked }),
    adopt: (applied) => {
      if (policy !== null) policy = applied;
    },
  };
}

/** Whether the ring was committed later than this node's clock can explain. */
export function isBehind({ committedAt, policy }: KeyRing, now: number): boolean {
  return now < committedAt - policy.skewSeconds;
}

async function carriedOut(
  { ring, kek }: Snapshot,
  step: Step,
  now: number,
  confirmed: boolean,
  fresh: FreshKey,
): Promise<rules.Change | null> {
  switch (step.step) {
    case "accept":
      return rules.accept(ring, await fresh(ring.policy, ring.id, kek), now, confirmed);
    case "confirm":
      return rules.confirm(ring, step.kid, now);
    case "emit":
      return rules.emit(ring, step.kid, now);
    case "revoke":
      return rules.revoke(ring, step.kid, step.because, now, null);
  }
}
