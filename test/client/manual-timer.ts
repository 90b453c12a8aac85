/** A timer that fires when a test moves the clock, and not before. */
import type { Timer } from "../../src/client/timer.ts";
import type { ManualClock } from "../manager/manual-clock.ts";

export interface ManualTimer extends Timer {
  /** Time passes, and what is due by then happens in its order. */
  advance(seconds: number): void;
  /** Seconds until the next one fires; null where none is set. */
  next(): number | null;
  /** How many are set. */
  set(): number;
}

export function manualTimer(clock: ManualClock): ManualTimer {
  let pending: { readonly at: number; readonly work: () => void }[] = [];
  const next = () => pending.toSorted((a, b) => a.at - b.at)[0];
  function after(seconds: number, work: () => void): () => void {
    const entry = { at: clock.sinceBoot + seconds, work };
    pending.push(entry);
    return () => {
      pending = pending.filter((other) => other !== entry);
    };
  }
  return {
    after,
    inBackground: after,
    advance(seconds) {
      const until = clock.sinceBoot + seconds;
      for (let due = next(); due !== undefined && due.at <= until; due = next()) {
        pending = pending.filter((other) => other !== due);
        clock.advance(Math.max(0, due.at - clock.sinceBoot));
        due.work();
      }
      clock.advance(Math.max(0, until - clock.sinceBoot));
    },
    set: () => pending.length,
    next: () => {
      const due = next();
      return due === undefined ? null : due.at - clock.sinceBoot;
    },
  };
}
