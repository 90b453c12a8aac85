/**
 * Every way keyturn refuses. One class; the `code` is stable and is what programs branch on.
 * A message says what was wrong and what was expected, `fix` what to do about it. Neither ever
 * holds a secret, a token, or the value of a setting that might be one. How a code looks on the
 * wire is decided in http/problem.ts alone, its exit status in cli/exit-code.ts alone.
 */
export type ErrorCode =
  // Configuration and usage
  | "usage" // the command line makes no sense
  | "config_not_found" // the named configuration file cannot be read
  | "config_parse" // it is not YAML or JSON
  | "config_invalid" // it says something that cannot be (all problems are listed)
  | "policy_invalid" // durations or algorithm that would break a promise (all problems are listed)
  | "clock_implausible" // the machine has lost its time
  // The key-encryption key and the API token
  | "kek_missing" // none configured, or its file is not there
  | "kek_invalid" // not 32 bytes of base64url, too regular to be random, the published example, or not wrapped by the configured KMS key for this ring
  | "kek_mismatch" // the ring is sealed under another KEK
  | "api_token_invalid" // shorter than 256 bits or not of the expected form
  // API tokens
  | "api_token_unknown" // no API token has this id
  | "api_token_ended" // it has expired or was revoked, and has no successor to give
  | "api_tokens_full" // no room for another until some have ended
  | "api_token_order_invalid" // name, role, scope or durations that an API token cannot have (all problems are listed)
  | "scope_exceeded" // audience or claims beyond what the API token is for
  | "api_tokens_corrupt" // the stored API tokens are truncated, not JSON or not of the form that is written
  | "api_tokens_tampered" // their MAC does not fit, or is of another ring: written by someone without the KEK, or copied
  | "api_tokens_rolled_back" // older API tokens than this process has seen, or others
  // The stored ring
  | "ring_missing" // the store answers, and holds no ring
  | "ring_exists" // an import would take the place of a ring that is there
  | "ring_corrupt" // truncated, not JSON, not the canonical form
  | "ring_tampered" // its MAC does not fit: written by someone without the KEK
  | "ring_invalid" // authentic, yet it breaks a rule
  | "ring_schema_unknown" // written by a newer keyturn
  | "ring_rolled_back" // an older generation than this process has seen
  | "ring_stale" // the snapshot is older than the lease: this node must not sign
  // The store
  | "store_unavailable" // cannot be reached or read
  | "store_permission" // access refused, or file mode open to others
  | "store_full" // no space left
  | "conflict" // someone else committed first, again and again
  | "commit_unknown" // a write may or may not have happened
  // Commands
  | "kid_unknown" // no such key, now or ever
  | "kid_revoked" // the key is revoked already
  | "kid_is_emitter" // the key signs: revoking it is an emergency, and must be called one
  | "reason_invalid" // a reason is missing, too long or holds control characters
  | "rollback_impossible" // nothing published is left to roll back to
  | "policy_mismatch" // this node is configured with another policy than the ring's
  // Keys and signing
  | "alg_unsupported" // this runtime cannot do the algorithm
  | "import_invalid" // the file holds no private key that can be adopted
  | "passphrase_invalid" // too short to seal a key, or not the one that opens it
  | "key_selftest_failed" // a new key pair did not verify its own signature
  | "claims_invalid" // reserved claims, or not a JSON object
  | "claims_too_large" // over 8 KiB
  | "lifetime_too_long" // longer than the policy's tokenSeconds
  | "token_invalid" // did not verify
  | "jwks_unavailable" // the JWKS at a URL cannot be fetched, or is none
  // HTTP
  | "unauthenticated" // no API token, or not the right one
  | "forbidden" // the API token is good, and its role may not do this
  | "token_in_query" // an API token in the URL, where logs and histories keep it
  | "cross_origin" // sent by a web page of another site, or under a host name that is not this server
  | "rate_limited" // too many requests; `Retry-After` says when to go on
  | "not_found" // no such path
  | "method_not_allowed" // the path is there, and has other methods
  | "request_invalid" // a path parameter, query parameter or header that cannot be
  | "body_invalid" // not JSON in which everyone reads the same, or not a JSON object
  | "fields_invalid" // a JSON object with members missing, unknown or wrong (all are listed)
  | "body_too_large" // over 16 KiB
  | "media_type_unsupported" // not application/json, or compressed
  | "precondition_required" // a write to the ring without `If-Match`
  | "precondition_failed" // the ring has changed since the caller looked at it
  | "idempotency_mismatch" // an `Idempotency-Key` used before, for another request
  // A client of the service
  | "service_unavailable" // the keyturn service cannot be reached, or fails; the same may work later
  | "service_refused" // it refuses, for a reason that this client does not know
  | "client_closed" // `close` was called
  // Audit
  | "audit_broken" // the chain of records does not hold
  | "audit_backlog" // the audit sinks are too far behind for one more change
  | "audit_undelivered" // an audit sink did not take records; they are tried again
  // Doctor
  | "doctor_failed" // something that keyturn relies on is not as it must be (all findings are printed)
  // Rehearsal
  | "rehearsal_failed" // an honest token was rejected, or a step did not happen
  // A bug in keyturn
  | "internal"; // what went wrong is in the log; please report it

/** One of several things wrong at once, e.g. one setting among many. */
export interface Problem {
  /** Finer than the error's own code: `overlap_too_short`, `unknown_setting`. */
  readonly code: string;
  /** Where: the setting's name, or a JSON pointer into a document. */
  readonly at: string;
  /** What is wrong, what was expected, what to do. */
  readonly message: string;
}

export class KeyturnError extends Error {
  override readonly name = "KeyturnError";
  readonly code: ErrorCode;
  /** What to do about it, in one sentence. */
  readonly fix: string;
  /** All that was wrong, where one input can be wrong in several ways; else empty. */
  readonly problems: readonly Problem[];

  constructor(
    code: ErrorCode,
    what: string,
    options: { fix: string; problems?: readonly Problem[]; cause?: unknown },
  ) {
    super(what, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.fix = options.fix;
    this.problems = options.problems ?? [];
  }
}

/** True when `error` is keyturn's and carries one of the given codes (any, when none is given). */
export function isKeyturnError(error: unknown, ...codes: ErrorCode[]): error is KeyturnError {
  return error instanceof KeyturnError && (codes.length === 0 || codes.includes(error.code));
}
