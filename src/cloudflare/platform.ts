/** What of Cloudflare's runtime is used, so that nothing but the runtime itself is needed to build on it. */
import type { ObjectStorage } from "../store/durable-object.ts";
import type { KeyRingObject } from "./key-ring-object.ts";

/** A Durable Object's own context. */
export interface ObjectContext {
  readonly storage: AlarmedStorage;
  blockConcurrencyWhile<T>(work: () => Promise<T>): Promise<T>;
}

export interface AlarmedStorage extends ObjectStorage {
  /** Milliseconds since the epoch, null when none is set. While the alarm runs, none is. */
  getAlarm(): Promise<number | null>;
}

/** What a request can ask the platform for. */
export interface RequestContext {
  waitUntil(work: Promise<unknown>): void;
}

/** The objects, by the names of their rings. */
export interface KeyRingNamespace {
  getByName(ring: string): KeyRingStub;
}

/** An object as others see it: by RPC, and by requests that are sent on. Good for the request that asked for it. */
export type KeyRingStub = Pick<KeyRingObject, "load" | "tick" | "seen" | "fetch">;

/** A Worker secret, or a binding to the Secrets Store. */
export type Secret = string | { get(): Promise<string> };

/** What of Workers Analytics Engine is used. */
export interface AnalyticsDataset {
  writeDataPoint(point: {
    // Not readonly, because Cloudflare's own type of it is not.
    readonly indexes: string[];
    readonly blobs: string[];
    readonly doubles: number[];
  }): void;
}

/** What of the Cache API is used: `caches.default`. */
export interface EdgeCache {
  match(request: string): Promise<Response | undefined>;
  put(request: string, response: Response): Promise<void>;
  delete(request: string): Promise<boolean>;
}

/** Everything that a deployment gives: bindings, secrets, and the settings as vars. */
export interface Environment {
  readonly KEY_RING: KeyRingNamespace;
  readonly KEYTURN_KEK?: Secret;
  readonly KEYTURN_PREVIOUS_KEK?: Secret;
  /** Whoever presents it may sign. */
  readonly KEYTURN_API_TOKEN?: Secret;
  /** Whoever presents it may do what the role `security` may. Without it there is no admin API. */
  readonly KEYTURN_ADMIN_TOKEN?: Secret;
  readonly KEYTURN_ANALYTICS?: AnalyticsDataset;
}
