/** Where a Worker and its object tell what happens: the log, and counters. */
import { type Clock, systemClock } from "../clock.ts";
import { failureReport } from "../http/failure-report.ts";
import { DENIAL_RATE } from "../http/rate-limit.ts";
import type { OnEvent } from "../telemetry/events.ts";
import { analyticsCounters } from "./counters.ts";
import { consoleLog } from "./log.ts";
import type { Environment } from "./platform.ts";
import type { EdgeConfig } from "./settings.ts";

export interface Telemetry {
  readonly onEvent: OnEvent;
  /** Tells of a request that failed inside, but only so often: strangers' requests fail too. */
  readonly onFailure: (error: unknown) => void;
  /** At the end of each invocation, and of what it does in the background. */
  flush(): void;
}

export function telemetryOf(
  environment: Environment,
  { logLevel, ring }: Pick<EdgeConfig, "logLevel" | "ring">,
  { monotonic }: Pick<Clock, "monotonic"> = systemClock,
): Telemetry {
  const log = consoleLog(logLevel, ring);
  const counters = analyticsCounters(environment.KEYTURN_ANALYTICS, ring);
  function onEvent(event: Parameters<OnEvent>[0]): void {
    log(event);
    counters.onEvent(event);
  }
  return {
    onEvent,
    onFailure: failureReport({ rate: DENIAL_RATE, monotonic, onEvent }),
    flush: counters.flush,
  };
}
