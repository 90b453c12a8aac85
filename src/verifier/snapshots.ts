/**
 * Sets of keys shared between processes or isolates, so that a new one need not begin with a fetch,
 * nor fail when the endpoint is down just then. What is stored is the issuer's answer with the
 * instant at which it was given: it grows old where it lies, and is checked like one from the network.
 * Whoever can write the store can name keys: keep it as you keep the configuration.
 */

import { parseStrictJson } from "../strict-json.ts";
import { isObject } from "./parse.ts";

/** Where snapshots are kept. Failures of any kind are survived: it is a cache. */
export interface SnapshotStore {
  /** The text last saved under `key`, or null. */
  load(key: string): Promise<string | null>;
  /** @param ttlSeconds after which nobody will use it any more */
  save(key: string, snapshot: string, ttlSeconds: number): Promise<void>;
}

export interface Snapshot {
  /** Epoch seconds of the request that brought it. */
  readonly fetchedAt: number;
  readonly freshSeconds: number;
  readonly etag: string | null;
  /** The body as it came. */
  readonly body: string;
}

/** Two machines' clocks: one that says more than this is wrong about more than the snapshot. */
const SKEW_MAX_SECONDS = 60;

export function encodeSnapshot(snapshot: Snapshot): string {
  return JSON.stringify(snapshot);
}

/** Null where it is none, or claims to come from the future, where it would stay young too long. */
export function decodeSnapshot(text: string, now: number): Snapshot | null {
  const value = parseStrictJson(new TextEncoder().encode(text));
  if (!isObject(value)) return null;
  const { fetchedAt, freshSeconds, etag, body } = value;
  if (typeof fetchedAt !== "number" || !Number.isSafeInteger(fetchedAt) || fetchedAt > now + SKEW_MAX_SECONDS)
    return null;
  if (typeof freshSeconds !== "number" || !(freshSeconds >= 0) || typeof body !== "string") return null;
  if (etag !== null && typeof etag !== "string") return null;
  return { fetchedAt: Math.min(fetchedAt, now), freshSeconds, etag, body };
}

/** What of Workers' Cache API is used. */
interface ResponseCache {
  match(request: string): Promise<Response | undefined>;
  put(request: string, response: Response): Promise<void>;
}

/** In the Cache API, shared by the isolates of one data centre: `cacheApiSnapshots(caches.default)`. */
export function cacheApiSnapshots(cache: ResponseCache): SnapshotStore {
  // Never requested: a name of the form that the Cache API wants.
  const urlOf = (key: string) => `https://keyturn.invalid/${encodeURIComponent(key)}`;
  return {
    load: async (key) => (await cache.match(urlOf(key)))?.text() ?? null,
    save: (key, snapshot, ttlSeconds) =>
      cache.put(
        urlOf(key),
        new Response(snapshot, { headers: { "Cache-Control": `max-age=${Math.ceil(ttlSeconds)}` } }),
      ),
  };
}

/** What of Workers KV is used. */
interface KeyValueNamespace {
  get(key: string): Promise<string | null>;
  put(key: string, value: string, options: { expirationTtl: number }): Promise<void>;
}

/** The least that KV takes. */
const KV_TTL_MIN_SECONDS = 60;

/** In Workers KV, shared by all data centres: `kvSnapshots(env.KEYS)`. */
export function kvSnapshots(namespace: KeyValueNamespace): SnapshotStore {
  return {
    load: (key) => namespace.get(key),
    save: (key, snapshot, ttlSeconds) =>
      namespace.put(key, snapshot, { expirationTtl: Math.max(KV_TTL_MIN_SECONDS, Math.ceil(ttlSeconds)) }),
  };
}
