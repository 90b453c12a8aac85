/** What the claims must say, once the signature vouches for them (RFC 7519 section 4.1). */
import type { Claims, ParsedToken } from "./parse.ts";
import type { RefusalReason } from "./refusal.ts";

/** What one issuer's tokens must be like. */
export interface Expectations {
  /** Exactly this `iss`; null for any. */
  readonly issuer: string | null;
  /** At least one of these in `aud`; null for any, or none. */
  readonly audience: readonly string[] | null;
  /** In lower case and without `application/`; null where none was asked for. */
  readonly typ: readonly string[] | null;
  readonly leewaySeconds: number;
  readonly maxLifetimeSeconds: number | null;
}

/**
 * Kinds of token that are accepted where none was asked for: a plain JWT (RFC 7519 section 5.1) and
 * an access token (RFC 9068 section 2.1). Others were made for one purpose, which is not this.
 */
const CUSTOMARY_TYPES: readonly string[] = ["jwt", "at+jwt"];

/** The first thing that is not as expected, or null. */
export function claimsRefusal(
  { header, claims }: Pick<ParsedToken, "header" | "claims">,
  expected: Expectations,
  now: number,
): RefusalReason | null {
  const { leewaySeconds, maxLifetimeSeconds } = expected;
  const { exp, nbf, iat } = claims;
  if (!isTypeExpected(header.typ, expected.typ)) return "typ_refused";
  if (expected.issuer !== null && claims.iss !== expected.issuer) return "issuer_refused";
  if (expected.audience !== null && !isMeantFor(claims.aud, expected.audience)) return "audience_refused";
  if (exp === undefined) return "exp_missing";
  // "On or after which" it must not be accepted (RFC 7519 section 4.1.4).
  if (now >= exp + leewaySeconds) return "expired";
  if (nbf !== undefined && now < nbf - leewaySeconds) return "not_yet_valid";
  if (iat !== undefined && now < iat - leewaySeconds) return "issued_in_future";
  if (maxLifetimeSeconds !== null) {
    if (iat === undefined) return "iat_missing";
    if (exp - iat > maxLifetimeSeconds) return "lifetime_too_long";
  }
  return null;
}

/** When the clock alone ends or begins a token's validity, so that it need not be judged anew. */
export function validBetween(
  { exp, nbf, iat }: Claims,
  leewaySeconds: number,
): readonly [from: number, until: number] {
  const from = Math.max(nbf ?? Number.NEGATIVE_INFINITY, iat ?? Number.NEGATIVE_INFINITY);
  return [from - leewaySeconds, (exp ?? Number.NEGATIVE_INFINITY) + leewaySeconds];
}

/** Explicit typing (RFC 8725 section 3.11): who asks for kinds of token gets no token without one. */
function isTypeExpected(typ: string | undefined, expected: readonly string[] | null): boolean {
  if (typ === undefined) return expected === null;
  return (expected ?? CUSTOMARY_TYPES).includes(normalTyp(typ));
}

/** A media type, compared without regard to case and to an omitted `application/` (RFC 7515 section 4.1.9). */
export function normalTyp(typ: string): string {
  return typ.toLowerCase().replace(/^application\//, "");
}

/** Whole strings only: neither prefixes nor parts (RFC 7519 section 4.1.3). */
function isMeantFor(aud: Claims["aud"], audience: readonly string[]): boolean {
  if (typeof aud === "string") return audience.includes(aud);
  return aud?.some((name) => audience.includes(name)) === true;
}
