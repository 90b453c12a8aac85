/** What a client can be told. */
import type { Clock } from "../clock.ts";
import type { OnClientEvent } from "./events.ts";
import type { Timer } from "./timer.ts";

/**
 * Keeps the API token over restarts. What is in it is the token alone, as `keyturn api-token` prints
 * it, so that an operator can put the first one there, or another. Several processes may share one.
 * Keep it as you keep a password. Failures of any kind are survived while the process lives.
 */
export interface TokenStore {
  /** The token last saved, or null. */
  load(): Promise<string | null>;
  save(apiToken: string): Promise<void>;
}

/** A client, by what it presents: a token, a place that holds one, or both. */
export type ClientOptions = Tuning &
  (
    | {
        /** The API token. With a `tokenStore`, only used while that holds none. Alone, it is lost with the process once it has been renewed. */
        readonly apiToken: string;
        readonly tokenStore?: TokenStore;
      }
    | {
        readonly apiToken?: never;
        /** Where the API token is, and where its successors go. */
        readonly tokenStore: TokenStore;
      }
  );

interface Tuning {
  /** The service, up to where `/v1/tokens` begins: https, or http on loopback. */
  readonly url: string | URL;
  /** How long before the API token expires its successor is fetched, in seconds; of a token that lives shortly, at half of its life. Default 600. */
  readonly prefetchSeconds?: number;
  /** Deadline of one request, from connect to the last byte, in seconds. Default 5. */
  readonly requestSeconds?: number;
  /** How long `sign` may take with all that is tried again, in seconds. Default 10. */
  readonly patienceSeconds?: number;
  /**
   * Requests under way at once; what is to be signed meanwhile waits, and then travels together.
   * Default 8. On Workers, where no request may wait for another's, `Infinity`.
   */
  readonly requestsMax?: number;
  /** For requests through a proxy or a service binding. Default: the runtime's own. */
  readonly fetch?: typeof fetch;
  readonly clock?: Clock;
  /** Default: the runtime's own. */
  readonly timer?: Timer;
  /** In [0, 1), for jitter. Default: the runtime's own. */
  readonly random?: () => number;
  readonly onEvent?: OnClientEvent;
}
