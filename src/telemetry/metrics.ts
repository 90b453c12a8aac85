/**
 * Metrics for Prometheus: counters fed by events, gauges read off the status when they are scraped.
 * Nobody loads prom-client who does not import this. Labels are kids, codes and names of steps: no
 * claim, no token, and nothing that a request made up.
 *
 * ```ts
 * const metrics = createMetrics();
 * const keys = await createKeyManager({ …, onEvent: metrics.onEvent });
 * metrics.observe(keys.status());
 * const page = await metrics.registry.metrics();
 * ```
 *
 * @module
 */
import { Registry } from "prom-client";
import { eventMetrics } from "./event-metrics.ts";
import type { OnEvent } from "./events.ts";
import {
  type ObservedApiTokens,
  type ObservedSink,
  type ObservedStatus,
  statusMetrics,
} from "./status-metrics.ts";
import { type ObservedVerifier, verifierMetrics } from "./verifier-metrics.ts";

export { watchedStore } from "./store-watch.ts";
export type { ObservedApiTokens, ObservedSink, ObservedStatus, ObservedVerifier };

export interface Metrics {
  /** Of prom-client, and this one's own: add your metrics to it, or merge it with yours. */
  readonly registry: Registry;
  /** Counts. Hand it to `createKeyManager`, `createApp` and the stores of `watchedStore`. */
  readonly onEvent: OnEvent;
  /** Sets the gauges; call it before every scrape. Sinks default to none, and so do API tokens (`apiTokens.status()`). */
  observe(status: ObservedStatus, sinks?: readonly ObservedSink[], apiTokens?: ObservedApiTokens): void;
  /** Counts what a verifier in this process judges, under a name of its own. */
  watchVerifier(name: string, verifier: ObservedVerifier): void;
}

/** Where there is no book, none grows old. */
const NO_API_TOKENS: ObservedApiTokens = { ageSeconds: 0 };

export function createMetrics(): Metrics {
  const registry = new Registry();
  const events = eventMetrics(registry);
  const observe = statusMetrics(registry);
  return {
    registry,
    onEvent: events.onEvent,
    observe(status, sinks = [], apiTokens = NO_API_TOKENS) {
      observe(status, sinks, apiTokens);
      events.observe(status);
    },
    watchVerifier: verifierMetrics(registry),
  };
}
