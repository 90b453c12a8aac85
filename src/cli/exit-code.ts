/** What the shell is told. Stable: scripts branch on it. */
import { type ErrorCode, isKeyturnError } from "../errors.ts";

const REFUSED = 1;
const USAGE = 2;
const CORRUPT = 3;
const KEK = 4;
const STORE = 5;
const UNKNOWN = 6;

const EXIT_CODES: Readonly<Record<ErrorCode, number>> = {
  usage: USAGE,
  config_not_found: USAGE,
  config_parse: USAGE,
  config_invalid: USAGE,
  policy_invalid: USAGE,
  clock_implausible: USAGE,
  api_token_invalid: USAGE,
  alg_unsupported: USAGE,
  kek_missing: KEK,
  kek_invalid: KEK,
  kek_mismatch: KEK,
  ring_corrupt: CORRUPT,
  ring_tampered: CORRUPT,
  ring_invalid: CORRUPT,
  ring_schema_unknown: CORRUPT,
  ring_rolled_back: CORRUPT,
  audit_broken: REFUSED,
  store_unavailable: STORE,
  store_permission: STORE,
  store_full: STORE,
  ring_stale: STORE,
  jwks_unavailable: STORE,
  commit_unknown: UNKNOWN,
  ring_missing: REFUSED,
  conflict: REFUSED,
  kid_unknown: REFUSED,
  reason_invalid: USAGE,
  rollback_impossible: REFUSED,
  policy_mismatch: REFUSED,
  key_selftest_failed: REFUSED,
  claims_invalid: REFUSED,
  claims_too_large: REFUSED,
  lifetime_too_long: REFUSED,
  token_invalid: REFUSED,
  unauthenticated: REFUSED,
  not_found: REFUSED,
  method_not_allowed: REFUSED,
  body_invalid: REFUSED,
  body_too_large: REFUSED,
  media_type_unsupported: REFUSED,
  rehearsal_failed: REFUSED,
  internal: REFUSED,
};

export function exitCodeOf(error: unknown): number {
  return isKeyturnError(error) ? EXIT_CODES[error.code] : REFUSED;
}
