/**
 * Calls to a service of AWS, each with its time and its second tries. The SDK makes each request once:
 * it would repeat a write whose answer was lost without a look at what became of it.
 */
import { type BackOff, fullJitterSeconds } from "../back-off.ts";
import type { Clock } from "../clock.ts";
import { type Asking, type AskTelling, ask, type Outcome, type Send } from "./ask.ts";
import type { Failure } from "./refusals.ts";
import { retryBudget } from "./retry-budget.ts";

export interface TriesOptions<Aws, Call> extends AskTelling<Call> {
  /** @throws KeyturnError `config_invalid` */
  readonly aws: () => Promise<Aws>;
  readonly outOfTime: (call: Call) => Failure;
  readonly clock: Pick<Clock, "monotonic">;
  /** In [0, 1). */
  readonly random: () => number;
}

/** All calls of one piece of work, which share its time. */
export interface Tries<Aws, Call> {
  /** Once, and again while `isWorthIt`. */
  ask<T>(call: Call, send: Send<Aws, T>, isWorthIt: (failure: Failure) => boolean): Promise<Outcome<T>>;
  /** Waits before another try; false when there is to be none. @param failures in a row, at least 1 */
  mayTryAgain(failures: number): Promise<boolean>;
}

/** It answers within a tenth of that. A hung connection must leave time for a second try. */
const CALL_SECONDS_MAX = 3;

/** The first failure is chance, the second bad luck. */
const TRIES_MAX = 4;

/** Quotas are refilled every second. */
const BETWEEN_TRIES: BackOff = { firstSeconds: 0.1, mostSeconds: 2 };

/** @returns what begins a piece of work that has so many seconds. */
export function triesOf<Aws extends Asking, Call>(
  options: TriesOptions<Aws, Call>,
): (seconds: number) => Tries<Aws, Call> {
  const { aws, outOfTime, clock, random } = options;
  const budget = retryBudget();

  return (seconds) => {
    const endsBy = clock.monotonic() + seconds;

    async function once<T>(call: Call, send: Send<Aws, T>): Promise<Outcome<T>> {
      const loaded = await aws();
      const left = Math.min(CALL_SECONDS_MAX, endsBy - clock.monotonic());
      if (left <= 0) return { failure: outOfTime(call) };
      const outcome = await ask(loaded, options, { call, seconds: left }, send);
      if ("answer" in outcome) budget.earn();
      return outcome;
    }

    async function mayTryAgain(failures: number): Promise<boolean> {
      const waitSeconds = fullJitterSeconds(failures, BETWEEN_TRIES, random());
      // What would come too late is not waited for.
      if (failures >= TRIES_MAX || clock.monotonic() + waitSeconds >= endsBy || !budget.take()) return false;
      await new Promise((resolve) => setTimeout(resolve, waitSeconds * 1000));
      return true;
    }

    return {
      async ask(call, send, isWorthIt) {
        for (let tries = 1; ; tries++) {
          const outcome = await once(call, send);
          if ("answer" in outcome) return outcome;
          if (!isWorthIt(outcome.failure) || !(await mayTryAgain(tries))) return outcome;
        }
      },
      mayTryAgain,
    };
  };
}
