/**
 * A circuit breaker: after some failures in a row the service is left alone for a while, and callers
 * are told at once what they would have waited for; then one request finds out. Pure: instants come
 * in as arguments, in seconds on the monotonic clock.
 */

/** One failure is chance, and the next request finds out; so many in a row are an outage. */
export const BREAKER_FAILURES = 5;

/** Long enough for a restart, short enough that nobody has to be called to end it. */
export const BREAKER_SECONDS = 30;

export type BreakerState = "closed" | "open" | "half-open";

export interface Breaker {
  /** Seconds until a request may be made; 0: now. Whoever is told so while it is not closed is the trial. */
  enter(now: number): number;
  /** The service has answered. True where that closed it. */
  answered(): boolean;
  /** A request that began at `since` has failed, and is not made again. True where that opened it. */
  failed(since: number, now: number): boolean;
  state(now: number): BreakerState;
}

/** @param trialSeconds after which a trial that nobody heard of again is over */
export function createBreaker(trialSeconds: number): Breaker {
  let failures = 0;
  let lastFailureAt = Number.NEGATIVE_INFINITY;
  let restsUntil: number | null = null;
  let trying = false;

  return {
    enter(now) {
      if (restsUntil === null) return 0;
      if (now < restsUntil) return restsUntil - now;
      trying = true;
      restsUntil = now + trialSeconds;
      return 0;
    },
    answered() {
      const wasClosed = restsUntil === null;
      failures = 0;
      restsUntil = null;
      trying = false;
      return !wasClosed;
    },
    failed(since, now) {
      // Requests that were under way together met one and the same failure.
      if (since < lastFailureAt) return false;
      lastFailureAt = now;
      failures++;
      if (failures < BREAKER_FAILURES) return false;
      restsUntil = now + BREAKER_SECONDS;
      trying = false;
      return true;
    },
    state(now) {
      if (restsUntil === null) return "closed";
      return trying || now >= restsUntil ? "half-open" : "open";
    },
  };
}
