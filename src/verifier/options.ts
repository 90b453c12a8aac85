/** What a verifier can be told. */
import type { Clock } from "../clock.ts";
import type { VerifyAlgorithm } from "./algorithms.ts";
import type { OnVerifierEvent } from "./events.ts";
import type { SnapshotStore } from "./snapshots.ts";
import type { TokenCacheLimits } from "./token-cache.ts";

/** Whose tokens are accepted, and where that issuer's keys are. */
export type IssuerOptions = KeysOptions & {
  /** The exact `iss` (RFC 7519 section 4.1.1). Null accepts any: then whoever has a key of the JWKS may call itself anything. */
  readonly issuer: string | null;
  /** `aud` must name at least one of these (section 4.1.3). Null accepts tokens that were meant for others. */
  readonly audience: string | readonly string[] | null;
  /** Accepted algorithms. Default: all that are asymmetric. A key is bound to one of them in any case. */
  readonly algorithms?: readonly VerifyAlgorithm[];
  /**
   * Accepted `typ` (RFC 8725 section 3.11), e.g. `["at+jwt"]`; then a token without one is refused.
   * Default: `JWT`, `at+jwt` or none.
   */
  readonly typ?: readonly string[];
};

type KeysOptions =
  | {
      /** Where the issuer publishes its JWKS: https, or http on loopback. */
      readonly jwksUrl: string | URL;
      readonly jwks?: never;
    }
  | {
      /** The keys themselves, for ever. With these, call `warm()` before `verifySync`. */
      readonly jwks: { readonly keys: readonly object[] };
      readonly jwksUrl?: never;
    };

export interface CommonOptions {
  /** Clock difference that is forgiven on `exp`, `nbf` and `iat`, in seconds. Default 30. */
  readonly leewaySeconds?: number;
  /** Longest `exp` − `iat`, in seconds; `iat` is then required. Default: none, an issuer knows its own tokens. */
  readonly maxLifetimeSeconds?: number;
  /** Longer tokens are refused unread. Default 16,384. */
  readonly maxTokenBytes?: number;
  /** How long a JWKS without max-age is fresh, in seconds. Default 600. */
  readonly freshSeconds?: number;
  /** A shorter max-age counts as this. Default 60. */
  readonly minFreshSeconds?: number;
  /** A longer max-age counts as this. Default 3600. */
  readonly maxFreshSeconds?: number;
  /** For how long past its freshness a JWKS is used while no newer one comes, in seconds. Default 3600; 0 for never. */
  readonly maxStaleSeconds?: number;
  /** Deadline of one request for a JWKS, from connect to the last byte, in seconds. Default 3. */
  readonly fetchSeconds?: number;
  /** A larger JWKS is refused. Default 65,536 bytes. */
  readonly maxJwksBytes?: number;
  /** A JWKS with more keys is refused. Default 64. */
  readonly maxKeys?: number;
  /** Verified tokens that are remembered; false for none. Default 5,000 and 8 MiB. */
  readonly tokenCache?: Partial<TokenCacheLimits> | false;
  /** Shares what was fetched between processes or isolates. Default: none. */
  readonly snapshots?: SnapshotStore;
  /** For requests through a proxy or a service binding. Default: the runtime's own. */
  readonly fetch?: typeof fetch;
  readonly clock?: Clock;
  /** In [0, 1), for jitter. Default: the runtime's own. */
  readonly random?: () => number;
  readonly onEvent?: OnVerifierEvent;
  /** Runs `work` in a span: `keyturn.verify` or `keyturn.jwks.fetch`. Default: runs it. */
  readonly trace?: Trace;
}

/** As OpenTelemetry's `tracer.startActiveSpan` wants it, see README. */
export type Trace = <T>(
  name: "keyturn.verify" | "keyturn.jwks.fetch",
  attributes: Readonly<Record<string, string>>,
  work: () => Promise<T>,
) => Promise<T>;

/** One issuer, or several that each have their own keys. */
export type VerifierOptions = CommonOptions &
  (IssuerOptions | { readonly issuers: readonly IssuerOptions[] });
