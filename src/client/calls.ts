/** Requests that are made again when they fail, as long as there is a point in it. */

import { type BackOff, fullJitterSeconds } from "../back-off.ts";
import type { Clock } from "../clock.ts";
import { KeyturnError } from "../errors.ts";
import { BREAKER_FAILURES, BREAKER_SECONDS, type Breaker } from "./breaker.ts";
import type { OnClientEvent } from "./events.ts";
import type { ServiceAnswer } from "./service.ts";
import { type Timer, wait } from "./timer.ts";

/** An answer that settles it. */
export type Settled<T> = Exclude<ServiceAnswer<T>, { kind: "failed" }>;

/** @param seconds that it has */
export type Attempt<T> = (seconds: number) => Promise<ServiceAnswer<T>>;

export interface Calls {
  /**
   * One request; more, while they fail and `endsBy` on the monotonic clock has not come.
   * @throws KeyturnError `service_unavailable`, `rate_limited`
   */
  patiently<T>(attempt: Attempt<T>, endsBy: number): Promise<Settled<T>>;
  /** One request. @throws KeyturnError `service_unavailable`, `rate_limited` */
  once<T>(attempt: Attempt<T>): Promise<Settled<T>>;
}

/** A broken connection is mended at once; a server that restarts needs a second or two. */
const BETWEEN_REQUESTS: BackOff = { firstSeconds: 0.1, mostSeconds: 2 };

/** Its time had passed before it was its turn. The service has no part in that. */
const LATE: ServiceAnswer<never> = {
  kind: "failed",
  because: "timeout",
  status: null,
  code: null,
  retryAfterSeconds: null,
};

/** More than the default patience has time for; a patience of minutes is no licence to press on. */
const REQUESTS_MAX = 25;

interface CallsOptions {
  readonly url: string;
  readonly requestSeconds: number;
  readonly breaker: Breaker;
  readonly clock: Clock;
  readonly timer: Timer;
  readonly random: () => number;
  readonly onEvent: OnClientEvent;
}

export function createCalls(options: CallsOptions): Calls {
  const { url, requestSeconds, breaker, clock, timer, random, onEvent } = options;

  async function request<T>(attempt: Attempt<T>, endsBy: number): Promise<ServiceAnswer<T>> {
    const since = clock.monotonic();
    const seconds = Math.min(requestSeconds, endsBy - since);
    if (seconds <= 0) return LATE;
    const restSeconds = breaker.enter(since);
    if (restSeconds > 0) throw resting(url, restSeconds);
    const answer = await attempt(seconds);
    // Who is busy is there.
    if (!isDown(answer) && breaker.answered()) onEvent({ type: "breaker_closed" });
    return answer;
  }

  function failed(answer: ServiceAnswer<unknown>, since: number): void {
    if (isDown(answer) && breaker.failed(since, clock.monotonic()))
      onEvent({ type: "breaker_opened", seconds: BREAKER_SECONDS });
  }

  async function patiently<T>(attempt: Attempt<T>, endsBy: number): Promise<Settled<T>> {
    for (let requests = 1; ; requests++) {
      const since = clock.monotonic();
      const answer = await request(attempt, endsBy);
      if (answer.kind !== "failed") return answer;
      // What the service asks for, it asks of everybody, and they must not come back together either.
      const waitSeconds =
        (answer.retryAfterSeconds ?? 0) + fullJitterSeconds(requests, BETWEEN_REQUESTS, random());
      // What would come too late is not waited for.
      const isOver = requests === REQUESTS_MAX || clock.monotonic() + waitSeconds >= endsBy;
      // A restart that patience outlasts is no outage, however many tries it takes; a trial is one alone.
      if (isOver || breaker.state(clock.monotonic()) !== "closed") failed(answer, since);
      if (isOver) throw unavailable(url, answer);
      const { because, status } = answer;
      onEvent({ type: "request_retried", because, status, waitSeconds });
      await wait(timer, waitSeconds);
    }
  }

  async function once<T>(attempt: Attempt<T>): Promise<Settled<T>> {
    const since = clock.monotonic();
    const answer = await request(attempt, Number.POSITIVE_INFINITY);
    failed(answer, since);
    if (answer.kind === "failed") throw unavailable(url, answer);
    return answer;
  }

  return { patiently, once };
}

function isDown(answer: ServiceAnswer<unknown>): boolean {
  return answer.kind === "failed" && answer.because !== "busy" && answer !== LATE;
}

function unavailable(
  url: string,
  { because, status, code }: Extract<ServiceAnswer<unknown>, { kind: "failed" }>,
): KeyturnError {
  if (because === "busy") {
    return new KeyturnError("rate_limited", `The keyturn service at ${url} is asked too often.`, {
      fix: "Sign less often, or give this service an API token of its own.",
    });
  }
  const how = [because, status, code].filter((part) => part !== null).join(" ");
  return new KeyturnError("service_unavailable", `The keyturn service at ${url} does not answer (${how}).`, {
    fix:
      because === "redirect" || because === "not_understood"
        ? "Check that this is the URL of the service itself: API tokens follow no redirect."
        : "Check that it runs and can be reached from here, then try again.",
  });
}

function resting(url: string, seconds: number): KeyturnError {
  return new KeyturnError(
    "service_unavailable",
    `The keyturn service at ${url} has failed ${BREAKER_FAILURES} times in a row and is asked again in ${Math.ceil(seconds)} s.`,
    { fix: "Check that it runs and can be reached from here." },
  );
}
