/**
 * Where errors meet the wire (RFC 9457). A caller's mistake is explained in full; what goes wrong
 * inside is named by its code alone, because its message is for the operator's log.
 */
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { type ErrorCode, isKeyturnError, KeyturnError, type Problem } from "../errors.ts";
import { RateLimited } from "./rate-limit.ts";

const STATUS: Readonly<Record<ErrorCode, ContentfulStatusCode>> = {
  usage: 500,
  config_not_found: 500,
  config_parse: 500,
  config_invalid: 500,
  policy_invalid: 422,
  clock_implausible: 500,
  kek_missing: 500,
  kek_invalid: 500,
  kek_mismatch: 503,
  api_token_invalid: 500,
  api_token_unknown: 404,
  api_token_ended: 409,
  api_tokens_full: 409,
  api_token_order_invalid: 422,
  scope_exceeded: 403,
  api_tokens_corrupt: 503,
  api_tokens_tampered: 503,
  api_tokens_rolled_back: 503,
  ring_missing: 503,
  ring_exists: 409,
  import_invalid: 422,
  passphrase_invalid: 422,
  doctor_failed: 500,
  ring_corrupt: 503,
  ring_tampered: 503,
  ring_invalid: 503,
  ring_schema_unknown: 503,
  ring_rolled_back: 503,
  ring_stale: 503,
  store_unavailable: 503,
  store_permission: 503,
  store_full: 503,
  conflict: 409,
  commit_unknown: 503,
  kid_unknown: 404,
  kid_revoked: 409,
  kid_is_emitter: 409,
  reason_invalid: 422,
  rollback_impossible: 409,
  policy_mismatch: 409,
  alg_unsupported: 422,
  key_selftest_failed: 503,
  claims_invalid: 422,
  claims_too_large: 422,
  lifetime_too_long: 422,
  token_invalid: 422,
  jwks_unavailable: 503,
  unauthenticated: 401,
  forbidden: 403,
  token_in_query: 400,
  cross_origin: 403,
  rate_limited: 429,
  not_found: 404,
  method_not_allowed: 405,
  request_invalid: 400,
  body_invalid: 400,
  fields_invalid: 422,
  body_too_large: 413,
  media_type_unsupported: 415,
  precondition_required: 428,
  precondition_failed: 412,
  idempotency_mismatch: 422,
  service_unavailable: 503,
  service_refused: 500,
  client_closed: 500,
  audit_broken: 500,
  audit_backlog: 503,
  audit_undelivered: 503,
  rehearsal_failed: 500,
  internal: 500,
};

/** A node that restarts or reads its ring again needs a second or two; whoever waits for a token has about ten. */
const RETRY_AFTER_SECONDS = 2;

interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail?: string;
  readonly fix?: string;
  readonly problems?: readonly Problem[];
}

/** Whether an error is no mistake of the caller's, but something for the operator's log. */
export function isFailure(error: unknown): boolean {
  return !isKeyturnError(error) || STATUS[error.code] >= 500;
}

/** Any error as a response; what is not keyturn's own is `internal` and says nothing. */
export function problemResponse(error: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  const known = isKeyturnError(error) ? error : internal(error);
  const status = STATUS[known.code];
  return new Response(JSON.stringify(documentOf(known, status)), {
    status,
    headers: {
      "Content-Type": "application/problem+json",
      "Cache-Control": "no-store",
      ...(status === 503 ? { "Retry-After": String(RETRY_AFTER_SECONDS) } : {}),
      ...(known instanceof RateLimited ? { "Retry-After": String(known.retryAfterSeconds) } : {}),
      ...(status === 401 ? { "WWW-Authenticate": 'Bearer realm="keyturn"' } : {}),
      ...headers,
    },
  });
}

function documentOf(error: KeyturnError, status: number): ProblemDocument {
  const head = {
    type: `urn:keyturn:problem:${error.code}`,
    title: titleOf(error.code),
    status,
    code: error.code,
  };
  if (status >= 500) return head;
  const { message: detail, fix, problems } = error;
  return { ...head, detail, fix, ...(problems.length > 0 ? { problems } : {}) };
}

function titleOf(code: ErrorCode): string {
  const words = code.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function internal(cause: unknown): KeyturnError {
  return new KeyturnError("internal", "Something went wrong inside keyturn.", {
    fix: "See the log; please report it.",
    cause,
  });
}
