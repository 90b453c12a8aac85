/** A clock for tests: it stands still until it is moved. */
import { type Clock, systemClock } from "../clock.ts";

export interface MovableClock extends Clock {
  /** Time passes: both hands move, in seconds. */
  advance(seconds: number): void;
  /** Someone sets the wall clock, forward or back, in seconds. No time passes. */
  stepWall(seconds: number): void;
}

/**
 * @param startAt where the wall clock begins, in epoch seconds. Default: the machine's time, so that
 *   verifiers that read the machine's clock accept the first tokens too.
 */
export function movableClock(startAt: number = systemClock.now()): MovableClock {
  let wall = startAt;
  let sinceStart = 0;
  return {
    now: () => Math.floor(wall),
    monotonic: () => sinceStart,
    advance(seconds) {
      if (!(seconds >= 0))
        throw new RangeError("Time does not go back; to set the wall clock, use stepWall.");
      wall += seconds;
      sinceStart += seconds;
    },
    stepWall(seconds) {
      wall += seconds;
    },
  };
}
