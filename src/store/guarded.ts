/**
 * A store behind a deadline and a circuit breaker. One that hangs must not hang whoever asks it, and
 * one that is down is not helped by being asked again and again: after a few failures in a row it is
 * left alone for a moment, and everybody is told at once what they would have waited for.
 *
 * A commit that is not answered in time may still arrive, so that is `commit_unknown`, and the
 * manager looks before it does anything else.
 */
import type { Clock } from "../clock.ts";
import { isTimeout, withinSeconds } from "../deadline.ts";
import { isKeyturnError, KeyturnError } from "../errors.ts";
import type { RingStore } from "./store.ts";

/** A ring is a few kilobytes; a store that needs longer for them is not well. Far below any lease. */
export const LOAD_SECONDS_MAX = 5;

/** A commit waits for a disk or for a quorum, and giving up on one leaves it in doubt: so it has longer. */
export const REPLACE_SECONDS_MAX = 10;

/** One failure is chance, and the next call finds out; so many in a row are an outage. */
export const FAILURES_MAX = 5;

/** How long it is left alone then. Short beside a lease, so that no node stops signing because of it. */
export const REST_SECONDS = 5;

export function guardedStore(store: RingStore, clock: Pick<Clock, "monotonic">): RingStore {
  let failures = 0;
  let restsUntil = Number.NEGATIVE_INFINITY;

  async function asked<T>(secondsMax: number, late: () => KeyturnError, call: () => Promise<T>): Promise<T> {
    const now = clock.monotonic();
    if (now < restsUntil) throw resting(store, Math.ceil(restsUntil - now));
    try {
      const answer = await withinSeconds(secondsMax, call);
      failures = 0;
      return answer;
    } catch (cause) {
      const error = isTimeout(cause) ? late() : cause;
      failures = isOutage(error) ? failures + 1 : 0;
      // After its rest one call is let through, and one failure more sends it back.
      if (failures >= FAILURES_MAX) restsUntil = clock.monotonic() + REST_SECONDS;
      throw error;
    }
  }

  return {
    description: store.description,
    ...(store.ephemeral === undefined ? {} : { ephemeral: store.ephemeral }),
    ...(store.writesEverySeconds === undefined ? {} : { writesEverySeconds: store.writesEverySeconds }),
    load: () =>
      asked(
        LOAD_SECONDS_MAX,
        () => silent(store),
        () => store.load(),
      ),
    replace: (document, expected) =>
      asked(
        REPLACE_SECONDS_MAX,
        () => inDoubt(store),
        () => store.replace(document, expected),
      ),
    judgeBy: (accepts) => store.judgeBy?.(accepts),
  };
}

/** A conflict or a broken ring is an answer; the store is well. */
function isOutage(error: unknown): boolean {
  return !isKeyturnError(error) || isKeyturnError(error, "store_unavailable", "commit_unknown");
}

function silent({ description }: RingStore): KeyturnError {
  return new KeyturnError(
    "store_unavailable",
    `${description} did not answer within ${LOAD_SECONDS_MAX} s.`,
    {
      fix: "Check the disk or the network it is on; this node signs on until its lease ends.",
    },
  );
}

function inDoubt({ description }: RingStore): KeyturnError {
  return new KeyturnError(
    "commit_unknown",
    `${description} did not say within ${REPLACE_SECONDS_MAX} s whether it took the commit.`,
    { fix: "Read it again before deciding anything." },
  );
}

function resting({ description }: RingStore, seconds: number): KeyturnError {
  return new KeyturnError(
    "store_unavailable",
    `${description} has failed ${FAILURES_MAX} times in a row and is not asked again for ${seconds} s.`,
    { fix: "Check that the store can be reached; this node signs on until its lease ends." },
  );
}
