/** All that can be observed of a client: a closed union. No event holds a token or a claim. */
import type { RenewalFailure } from "./renewal.ts";
import type { ServiceFailure } from "./service.ts";

export type ClientEvent =
  /** A request failed and is made again. */
  | {
      readonly type: "request_retried";
      readonly because: ServiceFailure;
      readonly status: number | null;
      readonly waitSeconds: number;
    }
  /** The service has failed again and again: it is left alone for `seconds`, and calls fail at once. */
  | { readonly type: "breaker_opened"; readonly seconds: number }
  | { readonly type: "breaker_closed" }
  /** The successor of the API token is here. `lastsSeconds`: until it expires; null for never, or not known yet. */
  | { readonly type: "api_token_renewed"; readonly id: string | null; readonly lastsSeconds: number | null }
  /**
   * It is not, and is tried again after `retrySeconds`; until it expires the one that is there goes on.
   * `successor_lost`: the service has made one before and can no longer tell its value; put another
   * token into the token store.
   */
  | {
      readonly type: "api_token_not_renewed";
      readonly because: RenewalFailure;
      readonly retrySeconds: number;
    }
  /** The latest API token was refused, and another was not. */
  | { readonly type: "fell_back"; readonly to: TokenOrigin }
  /** Every API token that is there was refused. */
  | { readonly type: "api_token_refused" }
  /** The token store failed, or holds no token; the client goes on with what it has. */
  | { readonly type: "token_store_failed"; readonly operation: "load" | "save" };

/** `predecessor`: in its overlap; `store`: the token store; `options`: given to createClient. */
export type TokenOrigin = "predecessor" | "store" | "options";

/** Hears of events as they happen. What it throws is ignored. */
export type OnClientEvent = (event: ClientEvent) => void;
