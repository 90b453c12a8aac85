/**
 * A second witness of time. The wall clock alone must not end a hold: if it jumps forward, the
 * monotonic clock knows better. Each hold is noted when this process first sees it, with what had
 * passed of it by then; the rest has to go by on the monotonic clock too. A hold that was not there
 * at the last look began after it; and once the wall clock has jumped, no more of what a date says is
 * believed than clocks may differ by. What happened before the process started it cannot attest.
 *
 * A wall clock that has jumped, either way, is not believed for any step, because what a step writes
 * is dated by it: not until it is back, or has stood its ground for an emit hold. A machine that
 * slept looks the same, and goes on after that.
 */
import type { Reading } from "../clock.ts";
import { emitHold } from "../ring/hold.ts";
import { keysIn } from "../ring/phase.ts";
import type { Step } from "../ring/plan.ts";
import type { RotationPolicy } from "../ring/policy.ts";
import type { KeyRing } from "../ring/ring.ts";
import { emitDueAt, nextEmitter } from "../ring/succession.ts";

export interface Witness {
  /** Notes the clocks, and the holds of a ring that was asked for at `askedAt` and is here now, at `reading`. */
  observe(ring: KeyRing, askedAt: Reading, reading: Reading): void;
  /** Which way the wall clock has jumped, as far as the monotonic clock can tell; null when it may be believed. */
  doubts(ring: KeyRing, reading: Reading): "clock_forward" | "clock_backward" | null;
  /** Whether the hold that `step` waits for has passed on the monotonic clock too. */
  confirms(ring: KeyRing, step: Step, reading: Reading): boolean;
}

export function witness(): Witness {
  let noted = new Map<string, Noted>();
  /** When the last look began, on the monotonic clock: what it did not show began after that. */
  let lookedAt: number | null = null;
  /** By how much the wall clock was ahead of the monotonic one when both were last believed. */
  let believed: number | null = null;
  /** Since when it is ahead by something else, on the monotonic clock. */
  let doubtedSince: number | null = null;
  /** Whether it has stood its ground after a jump: it may be right now, or have been before. */
  let hasJumped = false;

  function doubts({ policy }: KeyRing, { now, monotonic }: Reading): ReturnType<Witness["doubts"]> {
    const ahead = now - monotonic;
    believed ??= ahead;
    const moved = ahead - believed;
    const tolerance = policy.skewSeconds + CLOCK_GRAIN_SECONDS;
    if (Math.abs(moved) <= tolerance) doubtedSince = null;
    else doubtedSince ??= monotonic;
    const isSettled =
      doubtedSince === null || monotonic - doubtedSince >= emitHold(policy).seconds - CLOCK_GRAIN_SECONDS;
    if (!isSettled) return moved > 0 ? "clock_forward" : "clock_backward";
    // Clocks drift apart slowly, and that is no jump.
    believed = ahead;
    hasJumped ||= doubtedSince !== null;
    doubtedSince = null;
    return null;
  }

  function note(hold: HoldUnderWay, { skewSeconds }: RotationPolicy, { now, monotonic }: Reading): Noted {
    const dated = now - hold.beganAt;
    const sinceLook = monotonic - (lookedAt ?? Number.NEGATIVE_INFINITY);
    const believable = hasJumped || doubtedSince !== null ? skewSeconds - CLOCK_GRAIN_SECONDS : Infinity;
    const passed = Math.max(0, lookedAt === null ? dated : Math.min(dated, sinceLook, believable));
    return noted.get(hold.name) ?? { at: monotonic, passed, seconds: hold.seconds };
  }

  return {
    observe(ring, askedAt, reading) {
      doubts(ring, reading);
      const holds = [...holdsOf(ring), earlierCopiesOf(ring)];
      noted = new Map(holds.map((hold) => [hold.name, note(hold, ring.policy, reading)]));
      lookedAt = askedAt.monotonic;
    },
    doubts,
    confirms(ring, step, reading) {
      const waitsFor = kidWaitedFor(ring, step);
      const hold = holdsOf(ring).find(({ kid }) => kid === waitsFor);
      if (hold === undefined) return true;
      const passed = (one: HoldUnderWay) => hasPassed(one, note(one, ring.policy, reading), reading);
      return passed(hold) && (!hold.waitsForCopies || passed(earlierCopiesOf(ring)));
    },
  };
}

/** What is superseded goes when its successor has passed its hold. */
function kidWaitedFor(ring: KeyRing, step: Step): string | undefined {
  if (step.step === "accept") return undefined;
  if (step.step === "revoke" && step.because === "superseded") return nextEmitter(ring)?.kid;
  return step.kid;
}

/** Wall time is read in whole seconds, so by the monotonic clock a step may be due a moment later. */
const CLOCK_GRAIN_SECONDS = 1;

/** A hold as it was first seen. */
interface Noted {
  /** On the monotonic clock. */
  readonly at: number;
  /** Seconds of it that had passed by then, and how many it had in all. */
  readonly passed: number;
  readonly seconds: number;
}

interface HoldUnderWay {
  /** What waits: the same however a policy moves the end. */
  readonly name: string;
  readonly beganAt: number;
  readonly seconds: number;
}

/** It may have grown longer since it was first seen, and never shorter. */
function hasPassed({ seconds }: HoldUnderWay, noted: Noted, { monotonic }: Reading): boolean {
  return noted.passed + monotonic - noted.at >= Math.max(seconds, noted.seconds) - CLOCK_GRAIN_SECONDS;
}

interface KeyHold extends HoldUnderWay {
  readonly kid: string;
  /** Whether it was published after a change of policy, which `emitAfter` then heeds (ring/step.ts). */
  readonly waitsForCopies: boolean;
}

function holdsOf(ring: KeyRing): KeyHold[] {
  return [...keysIn(ring, "accepted"), ...keysIn(ring, "retiring")].flatMap((key): KeyHold[] => {
    const { kid, publishedAt, emitAfter, retiredAt, acceptUntil, retireHoldSeconds } = key;
    if (retiredAt !== null && acceptUntil !== null) {
      // A retirement that arrived late is published until later, and waits for no more than its hold here.
      const seconds = retireHoldSeconds ?? 0;
      const beganAt = acceptUntil - seconds;
      return [{ kid, name: `${kid} ${retiredAt}`, beganAt, seconds, waitsForCopies: false }];
    }
    const endsAt = emitDueAt(key, ring.policy);
    const waitsForCopies = (emitAfter ?? 0) >= ring.jwksHeldUntil;
    if (publishedAt === null || endsAt === null) return [];
    return [
      {
        kid,
        name: `${kid} ${publishedAt}`,
        beganAt: publishedAt,
        seconds: endsAt - publishedAt,
        waitsForCopies,
      },
    ];
  });
}

/** How long copies of the JWKS live that were made under an earlier policy: a key published since waits for them too. */
function earlierCopiesOf({ committedAt, jwksHeldUntil, auditTail }: KeyRing): HoldUnderWay {
  const change = auditTail.findLast(({ event }) => event === "policy_changed")?.generation ?? 0;
  return {
    name: `copies ${change} ${jwksHeldUntil}`,
    beganAt: committedAt,
    seconds: jwksHeldUntil - committedAt,
  };
}
