/**
 * How many second tries a node has, in all that it does. A service that is overloaded is not helped by
 * each node asking several times for everything: then the tries run out, and every call is made once.
 */
export interface RetryBudget {
  /** @returns false when there is none left. */
  take(): boolean;
  /** A call has succeeded. */
  earn(): void;
}

/** Enough to get one node through an outage of seconds. */
const TRIES_MAX = 10;

/** In the long run at most one second try for so many calls that succeed. */
const CALLS_PER_TRY = 10;

export function retryBudget(): RetryBudget {
  let tenths = TRIES_MAX * CALLS_PER_TRY;
  return {
    take() {
      if (tenths < CALLS_PER_TRY) return false;
      tenths -= CALLS_PER_TRY;
      return true;
    },
    earn() {
      tenths = Math.min(tenths + 1, TRIES_MAX * CALLS_PER_TRY);
    },
  };
}
