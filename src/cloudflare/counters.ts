/**
 * Counts for Workers Analytics Engine: how often what happened, and how long it took, by ring. One point for
 * each kind of thing and each invocation, since an invocation may write only so many.
 */
import type { KeyturnEvent, OnEvent } from "../telemetry/events.ts";
import type { AnalyticsDataset } from "./platform.ts";

export interface Counters {
  readonly onEvent: OnEvent;
  /** Writes what was counted since the last time; what finds no room waits for the next. Never throws. */
  flush(): void;
}

/** Analytics Engine takes 25 of an invocation at least, which flushes at its end and after its background work. */
const POINTS_MAX = 10;

interface Count {
  times: number;
  seconds: number;
}

/** @param dataset Default: nothing is counted. */
export function analyticsCounters(dataset: AnalyticsDataset | undefined, ring: string): Counters {
  if (dataset === undefined) return { onEvent: () => {}, flush: () => {} };
  const counts = new Map<string, Count>();

  return {
    onEvent(event) {
      for (const { name, detail, seconds = 0 } of countedOf(event)) {
        const key = JSON.stringify([name, detail]);
        const { times = 0, seconds: before = 0 } = counts.get(key) ?? {};
        counts.set(key, { times: times + 1, seconds: before + seconds });
      }
    },
    flush() {
      for (const [key, { times, seconds }] of [...counts].slice(0, POINTS_MAX)) {
        counts.delete(key);
        try {
          dataset.writeDataPoint({
            indexes: [ring],
            blobs: JSON.parse(key) as string[],
            doubles: [times, seconds],
          });
        } catch {
          // Counting must not break what is counted.
        }
      }
    },
  };
}

interface Counted {
  readonly name: KeyturnEvent["type"];
  /** A kid, a code, a step: never anything that a caller wrote. */
  readonly detail: string;
  readonly seconds?: number;
}

function countedOf(event: KeyturnEvent): readonly Counted[] {
  const { type } = event;
  switch (type) {
    case "ring_advanced":
      // The object tells of each record once, whoever has read it first.
      return event.records.map((record) => ({ name: type, detail: record.event }));
    case "token_signed":
      return [{ name: type, detail: event.kid }];
    case "token_refused":
    case "request_denied":
      return [{ name: type, detail: event.code }];
    case "step_blocked":
      return [{ name: type, detail: event.because }];
    case "store_called":
      return [{ name: type, detail: `${event.operation} ${event.outcome}`, seconds: event.seconds }];
    case "api_token_changed":
      return [{ name: type, detail: event.event }];
    case "jwks_answered":
      return [{ name: type, detail: String(event.status) }];
    default:
      return [{ name: type, detail: "" }];
  }
}
