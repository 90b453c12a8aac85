/**
 * Every way a token is refused, and what is said of it. Two codes for programs: `token_invalid` is
 * the token's fault for ever (401), `jwks_unavailable` is nobody's fault yet (503: try again). The
 * reason tells more. Nothing that is said contains a byte of the token.
 */
import { KeyturnError } from "../errors.ts";

/** Why a token was refused. Stable; REFUSALS says what each means. */
export type RefusalReason =
  | "token_too_large"
  | "token_malformed"
  | "header_malformed"
  | "header_refused"
  | "alg_refused"
  | "typ_refused"
  | "kid_malformed"
  | "kid_missing"
  | "kid_unknown"
  | "kid_revoked"
  | "alg_mismatch"
  | "signature_invalid"
  | "claims_malformed"
  | "issuer_refused"
  | "audience_refused"
  | "exp_missing"
  | "iat_missing"
  | "expired"
  | "not_yet_valid"
  | "issued_in_future"
  | "lifetime_too_long"
  | "keys_not_loaded"
  | "keys_expired"
  | "keys_not_ready";

/** For each reason: what was wrong and what was expected, then what to do. */
export const REFUSALS: Readonly<Record<RefusalReason, readonly [what: string, fix: string]>> = {
  token_too_large: [
    "The token is longer than maxTokenBytes",
    "Put large data behind a reference, or raise maxTokenBytes",
  ],
  token_malformed: [
    "The token is not a JWS in compact form: three parts in canonical base64url, joined by dots",
    'Pass the token alone, without "Bearer" or white space',
  ],
  header_malformed: [
    "The token's header is not a JSON object of distinct names with a known type for each",
    "Have the issuer write alg, kid and typ as strings, each once",
  ],
  header_refused: [
    "The token's header has crit, b64, zip, enc, jwk, jku, x5u or x5c, of which none is followed",
    "Have the issuer leave it out; keys come from the configured JWKS alone",
  ],
  alg_refused: [
    "The token's alg is not one of the accepted asymmetric algorithms",
    "Compare the issuer's alg with `algorithms`",
  ],
  typ_refused: [
    "The token's typ is not one of those accepted here",
    "Compare the issuer's typ with `typ`: it keeps kinds of tokens apart",
  ],
  kid_malformed: [
    "The token's kid is not a string of 1 to 256 characters without control characters",
    "Have the issuer name its key by the kid of its JWKS",
  ],
  kid_missing: [
    "The token has no kid, and the JWKS does not hold exactly one key for its alg",
    "Have the issuer write the kid into the header",
  ],
  kid_unknown: [
    "No key of the JWKS has the token's kid",
    "If the issuer still signs with it, see that it publishes its keys well before it uses them",
  ],
  kid_revoked: ["The token's key has been revoked here", "The token's holder must sign in again"],
  alg_mismatch: [
    "The token's alg is not that of the key with its kid",
    "Have the issuer use each key with one algorithm",
  ],
  signature_invalid: [
    "The token's signature is not that of its key",
    "The token was changed or forged, or the kid names another issuer's key",
  ],
  claims_malformed: [
    "The token's payload is not a JSON object of distinct names, or a registered claim has the wrong type",
    "See RFC 7519 section 4.1 for the types of claims; instants are numbers of seconds",
  ],
  issuer_refused: [
    "The token's iss is not one that is accepted here",
    "Compare the issuer's iss with `issuer`, character by character",
  ],
  audience_refused: [
    "The token is not meant for this audience",
    "Ask the issuer for a token with an aud that `audience` names",
  ],
  exp_missing: ["The token has no exp", "Have the issuer set one: a token that never ends cannot be trusted"],
  iat_missing: [
    "The token has no iat, and maxLifetimeSeconds needs one",
    "Have the issuer set it, or leave maxLifetimeSeconds out",
  ],
  expired: ["The token has expired", "Get a new one; if it is new, compare the clocks"],
  not_yet_valid: [
    "The token's nbf lies in the future",
    "Use it later; if it should be valid, compare the clocks",
  ],
  issued_in_future: ["The token's iat lies in the future", "Compare the clocks of issuer and verifier"],
  lifetime_too_long: [
    "The token lives longer than maxLifetimeSeconds",
    "Have the issuer sign shorter ones, or raise the limit",
  ],
  keys_not_loaded: [
    "The issuer's keys could not be loaded yet",
    "Try again; see health() for why the JWKS does not come",
  ],
  keys_expired: [
    "The keys on hand are not enough to judge the token, and no newer ones could be loaded",
    "Try again; see health() for why the JWKS does not come",
  ],
  keys_not_ready: [
    "The issuer's keys must be fetched first, and verifySync does not wait",
    "Await verify() instead, or warm() before",
  ],
};

/** Reasons that tell of the keys and not of the token. */
export type UnavailableReason = "keys_not_loaded" | "keys_expired" | "keys_not_ready";

/** A token that was not accepted. Never contains any part of it. */
export class VerifyError extends KeyturnError {
  /** The finest grain: one row of the table in ERRORS.md. */
  readonly reason: RefusalReason;
  /** For HTTP: 401 when the token is bad, 503 when it cannot be judged now. */
  readonly status: 401 | 503;
  /** With 503: after how many whole seconds another try may do better. */
  readonly retryAfterSeconds: number | null;

  constructor(reason: RefusalReason, retryAfterSeconds: number | null = null) {
    const [what, fix] = REFUSALS[reason];
    const unavailable = isUnavailable(reason);
    super(unavailable ? "jwks_unavailable" : "token_invalid", `${what}.`, { fix: `${fix}.` });
    this.reason = reason;
    this.status = unavailable ? 503 : 401;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export function isUnavailable(reason: RefusalReason): reason is UnavailableReason {
  return reason.startsWith("keys_");
}

/** True when `error` is a refused token, of the given reasons if any are given. */
export function isVerifyError(error: unknown, ...reasons: RefusalReason[]): error is VerifyError {
  return error instanceof VerifyError && (reasons.length === 0 || reasons.includes(error.reason));
}
