/**
 * What is due. `nextStep` decides, the manager does; both read the same few rules below, and so
 * does `timeline`, which walks the very same functions into the future.
 */
import type { Algorithm } from "./algorithm.ts";
import { emitHold, type Hold, retireHold } from "./hold.ts";
import { emitterOf, keysIn } from "./phase.ts";
import { type KeyRing, LIVE_KEYS_MAX, type NewKey, type RoutineReason } from "./ring.ts";
import { accept, type Change, emit, revoke } from "./step.ts";
import { alreadyRolledBack, emitDueAt, isMatured, nextEmitter, outdated } from "./succession.ts";

/** A step and the instant from which it is due. */
export type Step =
  | { readonly step: "accept"; readonly alg: Algorithm; readonly dueAt: number }
  | { readonly step: "confirm"; readonly kid: string; readonly dueAt: number }
  | { readonly step: "emit"; readonly kid: string; readonly dueAt: number }
  | {
      readonly step: "revoke";
      readonly kid: string;
      readonly because: RoutineReason;
      readonly dueAt: number;
    };

/** The one step to carry out at `now`, or null. One per tick: a late schedule never bunches steps up. */
export function nextStep(ring: KeyRing, now: number): Step | null {
  return upcoming(ring).find((step) => step.dueAt <= now) ?? null;
}

/** When the next step falls due; null when nothing will happen until somebody acts. */
export function nextDueAt(ring: KeyRing): number | null {
  const instants = upcoming(ring).map((step) => step.dueAt);
  return instants.length === 0 ? null : Math.min(...instants);
}

/**
 * Every step in sight, in the order in which steps due at once are taken. Superseding comes before
 * the emit that uses up the matured successor. Confirming comes last: it alone waits for something
 * outside, and must not keep a retired key's private half alive meanwhile.
 */
function upcoming(ring: KeyRing): Step[] {
  const steps = [supersedeStep(ring), emitStep(ring), acceptStep(ring), retireStep(ring), confirmStep(ring)];
  const due = steps.filter((step) => step !== null);
  if (ring.pausedAt === null) return due;
  // Paused: only what an operator asked for goes on.
  return ring.rotateRequestedAt === null ? [] : due.filter((step) => step.step !== "revoke");
}

/**
 * An accepted key of the old algorithm stays as the emergency's successor until a new one can be, or
 * until a full ring needs its place for that; then the youngest goes first, which is the least ripe.
 */
function supersedeStep(ring: KeyRing): Step | null {
  const next = nextEmitter(ring);
  const old = outdated(ring).at(-1);
  const noRoomAt = isFull(ring) ? ring.committedAt : null;
  const dueAt = next === undefined ? noRoomAt : emitDueAt(next, ring.policy);
  if (old === undefined || dueAt === null) return null;
  return { step: "revoke", kid: old.kid, because: "superseded", dueAt };
}

/** The successor emits when both the turnover and its own hold have come due. */
function emitStep(ring: KeyRing): Step | null {
  const next = nextEmitter(ring);
  const holdEndsAt = next === undefined ? null : emitDueAt(next, ring.policy);
  if (next === undefined || holdEndsAt === null) return null;
  return { step: "emit", kid: next.kid, dueAt: Math.max(turnoverAt(ring), holdEndsAt) };
}

/** With standby a successor is published at all times; without, just early enough to emit on time. */
function acceptStep(ring: KeyRing): Step | null {
  if (nextEmitter(ring) !== undefined || isFull(ring)) return null;
  const onTime = turnoverAt(ring) - emitHold(ring.policy).seconds;
  return { step: "accept", alg: ring.policy.alg, dueAt: ring.policy.standby ? ring.committedAt : onTime };
}

function retireStep(ring: KeyRing): Step | null {
  const [first] = keysIn(ring, "retiring").sort((a, b) => (a.acceptUntil ?? 0) - (b.acceptUntil ?? 0));
  return first?.acceptUntil == null
    ? null
    : { step: "revoke", kid: first.kid, because: "retired", dueAt: first.acceptUntil };
}

function confirmStep(ring: KeyRing): Step | null {
  const unconfirmed = keysIn(ring, "accepted").find((key) => key.publishedAt === null);
  return unconfirmed === undefined
    ? null
    : { step: "confirm", kid: unconfirmed.kid, dueAt: unconfirmed.createdAt };
}

function isFull(ring: KeyRing): boolean {
  return ring.keys.length >= LIVE_KEYS_MAX;
}

function turnoverAt(ring: KeyRing): number {
  if (ring.rotateRequestedAt !== null) return ring.rotateRequestedAt;
  return (emitterOf(ring).emittedAt ?? 0) + ring.policy.rotateEverySeconds;
}

/** How long after it was due a step counts as overdue: three ticks of a minute. */
export const OVERDUE_AFTER_SECONDS = 180;

/** Since when a due step has been waiting too long, or null. A schedule that stopped shows here. */
export function overdueSince(ring: KeyRing, now: number): number | null {
  const dueAt = nextDueAt(ring);
  return dueAt !== null && now - dueAt > OVERDUE_AFTER_SECONDS ? dueAt : null;
}

/** What an operator's rotate would find. */
export type RotationState =
  /** The successor may emit at once. */
  | { readonly state: "ready"; readonly kid: string }
  /** A turnover was asked for and waits for its successor's hold. */
  | { readonly state: "in_progress" }
  /** The emitter took over less than an emit hold ago: that was the rotation. */
  | { readonly state: "just_done" }
  /** A successor must be published, or mature, first. */
  | { readonly state: "scheduled" };

/** Decides a rotate command. Repeated, it is the same as once: a rotation is not started twice within an emit hold. */
export function rotationState(ring: KeyRing, now: number): RotationState {
  const next = nextEmitter(ring);
  const emittingFor = now - (emitterOf(ring).emittedAt ?? 0);
  const tookOver = emitterOf(ring).emittedAt !== emitterOf(ring).createdAt && !alreadyRolledBack(ring);
  if (tookOver && emittingFor < emitHold(ring.policy).seconds) return { state: "just_done" };
  if (next !== undefined && isMatured(next, ring.policy, now)) return { state: "ready", kid: next.kid };
  return ring.rotateRequestedAt === null ? { state: "scheduled" } : { state: "in_progress" };
}

/** One line of the timeline: what will be done, when, and which hold made it wait. */
export interface PlannedStep {
  readonly step: Step["step"];
  /** Null for a key that does not exist yet. */
  readonly kid: string | null;
  readonly at: number;
  /** The hold that the key of this step waits for, with every term; null when it waits for none. */
  readonly hold: Hold | null;
}

/** The next `count` steps if nobody interferes and the schedule runs. */
export function timeline(ring: KeyRing, now: number, count: number): PlannedStep[] {
  const planned: PlannedStep[] = [];
  let future = ring;
  while (planned.length < count) {
    const dueAt = nextDueAt(future);
    if (dueAt === null) break;
    const at = Math.max(dueAt, now, future.committedAt);
    const step = nextStep(future, at);
    // What a probe will see cannot be planned.
    if (step === null || step.step === "confirm") break;
    planned.push(described(step, at, ring));
    const { ring: after } = simulated(future, step, at, planned.length);
    future = { ...after, committedAt: at };
  }
  return planned;
}

function described(step: Step, at: number, { keys, policy }: KeyRing): PlannedStep {
  const kid = step.step === "accept" || !keys.some((key) => key.kid === step.kid) ? null : step.kid;
  if (step.step === "emit") return { step: "emit", kid, at, hold: emitHold(policy) };
  if (step.step === "revoke" && step.because === "retired")
    return { step: "revoke", kid, at, hold: retireHold(policy) };
  return { step: step.step, kid, at, hold: null };
}

function simulated(ring: KeyRing, step: Exclude<Step, { step: "confirm" }>, at: number, n: number): Change {
  if (step.step === "accept") return accept(ring, imagined(n, step.alg), at, true);
  if (step.step === "emit") return emit(ring, step.kid, at);
  return revoke(ring, step.kid, step.because, at, null) as Change;
}

function imagined(n: number, alg: Algorithm): NewKey {
  return { kid: `future ${n}`, alg, publicJwk: { kty: "OKP", crv: "", x: "" }, sealedJwk: "" };
}
