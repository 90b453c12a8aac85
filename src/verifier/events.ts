/** All that can be observed of a verifier: a closed union. No event holds a token or a claim. */

import type { FetchFailure } from "./fetch-jwks.ts";
import type { SkipReason } from "./jwk.ts";

export type VerifierEvent = {
  /** The configured issuer; null where any is accepted. */
  readonly issuer: string | null;
} & (
  | {
      /** The JWKS came, or was said to be unchanged. */
      readonly type: "jwks_fetched";
      readonly unchanged: boolean;
      readonly keys: number;
      readonly freshSeconds: number;
    }
  | {
      /** It did not; the next try comes after `retrySeconds`. */
      readonly type: "jwks_failed";
      readonly because: FetchFailure;
      readonly status: number | null;
      readonly retrySeconds: number;
    }
  | {
      readonly type: "keys_changed";
      readonly added: readonly (string | null)[];
      readonly removed: readonly (string | null)[];
    }
  /** A published key that cannot be used; told when a set with it is first seen. */
  | { readonly type: "key_skipped"; readonly kid: string | null; readonly because: SkipReason }
  /** A JWKS shows private or symmetric material. Whoever has read it can sign: revoke it, now. */
  | { readonly type: "private_key_published"; readonly kid: string | null }
  /** From here on tokens are verified with keys past their freshness, because no newer ones come. */
  | { readonly type: "stale_keys_used"; readonly ageSeconds: number }
  /** From here on tokens are refused as `keys_expired`. */
  | { readonly type: "keys_expired"; readonly ageSeconds: number }
  /** A lower generation was taken because for all of `maxStaleSeconds` nothing newer came: look at the publisher. */
  | { readonly type: "older_set_taken"; readonly generation: number; readonly seen: number }
  | { readonly type: "kid_revoked"; readonly kid: string }
  /** The snapshot store failed or holds what cannot be used; verification goes on without it. */
  | { readonly type: "snapshot_failed"; readonly operation: "load" | "save" }
);

/** Hears of events as they happen. What it throws is ignored. */
export type OnVerifierEvent = (event: VerifierEvent) => void;

/** A union's members without the member that the source of keys adds to each. */
export type SourceEvent = VerifierEvent extends infer Event
  ? Event extends unknown
    ? Omit<Event, "issuer">
    : never
  : never;
