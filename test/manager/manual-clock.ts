/** A clock that moves only when a test moves it, both hands apart if need be. */
import type { Clock } from "../../src/clock.ts";

/** Where every test begins: 2027-01-15T08:00:00Z. */
export const START = 1_800_000_000;

export interface ManualClock extends Clock {
  wall: number;
  sinceBoot: number;
  /** Time passes, on both hands. */
  advance(seconds: number): void;
}

export function manualClock(wall: number = START): ManualClock {
  return {
    wall,
    sinceBoot: 5000,
    now() {
      return this.wall;
    },
    monotonic() {
      return this.sinceBoot;
    },
    advance(seconds) {
      this.wall += seconds;
      this.sinceBoot += seconds;
    },
  };
}
