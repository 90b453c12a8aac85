/**
 * One request at a time, however many wait for it. On Workers, what one request began ends without a
 * word when that request is cancelled, and its promises may never settle for another: so a flight
 * gives signs of life by a timer, which ends with it. Whoever waits looks up by a timer of his own,
 * and takes a flight for lost that gives none, or has had its time.
 */
import type { Clock } from "../clock.ts";

export interface Flight {
  /** Rising. What an earlier flight brings must not replace what a later one brought. */
  readonly sequence: number;
  /** Settles when it has ended; never rejects. True where the issuer itself was asked. */
  readonly done: Promise<boolean>;
  /** On the monotonic clock. */
  readonly endsBy: number;
  /** How many signs of life it has given. */
  readonly signs: number;
}

export interface SingleFlight {
  /** The sequence of the latest, 0 before the first. */
  latest(): number;
  /** The one under way, or null. */
  current(): Flight | null;
  /** The one under way, or a new one that does `work`, which must not reject. */
  start(work: (sequence: number) => Promise<boolean>): Flight;
  /** Waits until it has ended, or is lost. */
  landed(flight: Flight): Promise<void>;
}

/** How often a flight gives a sign, and who waits looks up. */
const LOOK_MILLISECONDS = 250;
/** One look may fall just before a sign that is late. */
const SILENT_LOOKS_MAX = 2;

/** @param seconds that a flight takes at most */
export function singleFlight(clock: Clock, seconds: number): SingleFlight {
  let sequence = 0;
  let flying: Flight | null = null;

  function current(): Flight | null {
    return flying !== null && clock.monotonic() < flying.endsBy ? flying : null;
  }

  function start(work: (sequence: number) => Promise<boolean>): Flight {
    const underWay = current();
    if (underWay !== null) return underWay;
    sequence++;
    const mine = sequence;
    let signs = 0;
    const alive = setInterval(() => signs++, LOOK_MILLISECONDS);
    const done = work(mine).finally(() => {
      clearInterval(alive);
      if (flying?.sequence === mine) flying = null;
    });
    flying = {
      sequence: mine,
      done,
      endsBy: clock.monotonic() + seconds,
      get signs() {
        return signs;
      },
    };
    return flying;
  }

  async function landed(flight: Flight): Promise<void> {
    let { signs } = flight;
    let silent = 0;
    while (current() === flight) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const look = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, LOOK_MILLISECONDS);
      });
      await Promise.race([flight.done, look]);
      clearTimeout(timer);
      silent = flight.signs === signs ? silent + 1 : 0;
      signs = flight.signs;
      if (silent >= SILENT_LOOKS_MAX && flying === flight) flying = null;
    }
  }

  return { latest: () => sequence, current, start, landed };
}
