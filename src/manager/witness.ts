/**
 * A second witness of time. The wall clock alone must not end a hold: if it jumps forward, the
 * monotonic clock knows better. Each hold is noted when this process first sees it, with what was
 * left of it then; it has passed only when that much has gone by on the monotonic clock too. A hold
 * that was not there at the last look began after it, whatever the wall clock makes of that. What
 * happened before the process started it cannot attest.
 *
 * A wall clock that has jumped, either way, is not believed for any step, because what a step writes
 * is dated by it: not until it is back, or has stood its ground for an emit hold. A machine that
 * slept looks the same, and goes on after that.
 */
import type { Reading } from "../clock.ts";
import { emitHold } from "../ring/hold.ts";
import { keysIn } from "../ring/phase.ts";
import type { Step } from "../ring/plan.ts";
import type { KeyRing } from "../ring/ring.ts";
import { emitDueAt, nextEmitter } from "../ring/succession.ts";

export interface Witness {
  /** Notes the clocks, and the holds of a ring that was just read. */
  observe(ring: KeyRing, reading: Reading): void;
  /** Which way the wall clock has jumped, as far as the monotonic clock can tell; null when it may be believed. */
  doubts(ring: KeyRing, reading: Reading): "clock_forward" | "clock_backward" | null;
  /** Whether the hold that `step` waits for has passed on the monotonic clock, give or take the skew. */
  confirms(ring: KeyRing, step: Step, reading: Reading): boolean;
}

export function witness(): Witness {
  let noted = new Map<string, { readonly monotonic: number; readonly remaining: number }>();
  /** The last look: when, on the monotonic clock, and whose holds were there. */
  let looked: { readonly at: number; readonly keys: ReadonlySet<string> } | null = null;
  /** By how much the wall clock was ahead of the monotonic one when both were last believed. */
  let believed: number | null = null;
  /** Since when it is ahead by something else, on the monotonic clock. */
  let doubtedSince: number | null = null;

  function doubts({ policy }: KeyRing, { now, monotonic }: Reading): ReturnType<Witness["doubts"]> {
    const ahead = now - monotonic;
    believed ??= ahead;
    const moved = ahead - believed;
    const tolerance = policy.skewSeconds + CLOCK_GRAIN_SECONDS;
    if (Math.abs(moved) <= tolerance) doubtedSince = null;
    else doubtedSince ??= monotonic;
    const isSettled =
      doubtedSince === null || monotonic - doubtedSince >= emitHold(policy).seconds - tolerance;
    if (!isSettled) return moved > 0 ? "clock_forward" : "clock_backward";
    // Clocks drift apart slowly, and that is no jump.
    believed = ahead;
    doubtedSince = null;
    return null;
  }

  function note(hold: HoldUnderWay, { now, monotonic }: Reading) {
    const isNew = looked !== null && !looked.keys.has(hold.key);
    const atLeast = isNew ? hold.endsAt - hold.beganAt - (monotonic - (looked?.at ?? 0)) : 0;
    return noted.get(hold.name) ?? { monotonic, remaining: Math.max(hold.endsAt - now, atLeast) };
  }

  return {
    observe(ring, reading) {
      doubts(ring, reading);
      const holds = holdsOf(ring);
      noted = new Map(holds.map((hold) => [hold.name, note(hold, reading)]));
      looked = { at: reading.monotonic, keys: new Set(holds.map(({ key }) => key)) };
    },
    doubts,
    confirms(ring, step, reading) {
      const waitsFor = kidWaitedFor(ring, step);
      const hold = holdsOf(ring).find(({ kid }) => kid === waitsFor);
      if (hold === undefined) return true;
      const { monotonic, remaining } = note(hold, reading);
      return reading.monotonic - monotonic >= remaining - ring.policy.skewSeconds - CLOCK_GRAIN_SECONDS;
    },
  };
}

/** What is superseded goes when its successor has passed its hold. */
function kidWaitedFor(ring: KeyRing, step: Step): string | undefined {
  if (step.step === "accept") return undefined;
  if (step.step === "revoke" && step.because === "superseded") return nextEmitter(ring)?.kid;
  return step.kid;
}

/** Wall time is read in whole seconds. */
const CLOCK_GRAIN_SECONDS = 1;

interface HoldUnderWay {
  readonly kid: string;
  /** The key and what it waits for: the same however a policy moves the end. */
  readonly key: string;
  readonly name: string;
  readonly beganAt: number;
  readonly endsAt: number;
}

function holdsOf(ring: KeyRing): HoldUnderWay[] {
  return [...keysIn(ring, "accepted"), ...keysIn(ring, "retiring")].flatMap((key) => {
    const { kid, publishedAt, retiredAt, acceptUntil } = key;
    const endsAt = acceptUntil ?? emitDueAt(key, ring.policy);
    const beganAt = retiredAt ?? publishedAt;
    if (endsAt === null || beganAt === null) return [];
    const waiting = `${kid} ${beganAt}`;
    return [{ kid, key: waiting, name: `${waiting} ${endsAt}`, beganAt, endsAt }];
  });
}
