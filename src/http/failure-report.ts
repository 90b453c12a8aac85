/**
 * Tells of requests that failed inside, but only so often: while a store is down every request fails,
 * a stranger's too, and one that is told is a line in the log.
 */
import type { OnEvent } from "../telemetry/events.ts";
import { isFailure } from "./problem.ts";
import { type RateLimit, rateLimiter } from "./rate-limit.ts";

/** Answers what is to be told of each error; a mistake of the caller is no failure, and is passed over. */
export function failureReport(options: {
  readonly rate: RateLimit;
  readonly monotonic: () => number;
  readonly onEvent: OnEvent;
}): (error: unknown) => void {
  const limiter = rateLimiter(options.rate);
  return (error) => {
    if (!isFailure(error)) return;
    try {
      limiter.take("all", options.monotonic());
    } catch {
      return;
    }
    options.onEvent({ type: "request_failed", error });
  };
}
