/**
 * The whole manager on Cloudflare Workers. A Worker of your own is one line beside its `wrangler.toml`:
 *
 * ```ts
 * export { default, KeyRingObject } from "keyturn/cloudflare";
 * ```
 *
 * - `KeyRingObject` is the ring's only writer and turns it over by itself; bind it as `KEY_RING`.
 * - The default export answers over HTTP, and is the second heartbeat where a Cron Trigger calls it.
 * - `keyRingReader` lets another Worker sign by itself: `openSigner({ store: keyRingReader(env.KEY_RING), … })`.
 *
 * @module
 */
export { KeyRingObject } from "./key-ring-object.ts";
export { keyRingReader, type Place } from "./object-reader.ts";
export type { AnalyticsDataset, EdgeCache, Environment, KeyRingNamespace, Secret } from "./platform.ts";
export { createWorker, default, type Worker, type WorkerOptions } from "./worker.ts";
