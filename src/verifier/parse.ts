/**
 * From a string to a token whose every part is of the right form: the one parser for all paths. It
 * judges form alone. Whether to believe what the token says is for the signature, then for claims.ts.
 */

import { parseStrictJson } from "../strict-json.ts";
import { isVerifyAlgorithm, type VerifyAlgorithm } from "./algorithms.ts";
import { decodeBase64url } from "./base64url.ts";
import { VerifyError } from "./refusal.ts";

/** The protected header (RFC 7515 section 4), as far as a verifier looks at it. */
export interface Header {
  readonly alg: VerifyAlgorithm;
  readonly kid?: string;
  readonly typ?: string;
  readonly [name: string]: unknown;
}

/** The claims set (RFC 7519 section 4). Registered claims are of their types where they are there. */
export interface Claims {
  readonly iss?: string;
  readonly sub?: string;
  readonly aud?: string | readonly string[];
  readonly exp?: number;
  readonly nbf?: number;
  readonly iat?: number;
  readonly jti?: string;
  readonly [name: string]: unknown;
}

export interface ParsedToken {
  readonly token: string;
  readonly encodedHeader: string;
  /** The signing input (RFC 7515 section 5.1) is this many characters of the token. */
  readonly signedLength: number;
  readonly header: Header;
  /** Nobody has vouched for these yet. */
  readonly claims: Claims;
  readonly signature: Uint8Array;
}

export interface TokenParser {
  /** @throws VerifyError `token_too_large`, `token_malformed`, `header_…`, `alg_refused`, `kid_malformed`, `claims_malformed` */
  parse(token: string): ParsedToken;
  /** Keeps the header of a token that has been verified, because the next token's is the same. */
  remember(token: ParsedToken): void;
}

/** A kid is looked up, logged and counted: a thumbprint has 43 characters, a DID URL under 200. */
export const KID_LENGTH_MAX = 256;

/** An issuer's headers differ in their kid only: more than all live keys of a few issuers. */
const HEADERS_MAX = 64;

/**
 * Header members that would change how the token is read, or name a key from outside. None is
 * needed by a JWT that is signed with a key of a JWKS, and each has been a way in (RFC 8725).
 */
const REFUSED_MEMBERS = ["crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c"] as const;

export function tokenParser(maxTokenBytes: number): TokenParser {
  const headers = new Map<string, Header>();

  function parse(token: string): ParsedToken {
    if (typeof token !== "string") throw new VerifyError("token_malformed");
    // Before anything is done whose cost grows with the length. What is longer in bytes is not ASCII.
    if (token.length > maxTokenBytes) throw new VerifyError("token_too_large");
    const headerEnd = token.indexOf(".");
    const signedLength = token.indexOf(".", headerEnd + 1);
    if (headerEnd < 1 || signedLength < 0 || token.includes(".", signedLength + 1))
      throw new VerifyError("token_malformed");

    const encodedHeader = token.slice(0, headerEnd);
    const header = headers.get(encodedHeader) ?? parseHeader(encodedHeader);
    const payload = decodeBase64url(token, headerEnd + 1, signedLength);
    const signature = decodeBase64url(token, signedLength + 1);
    if (payload === null || signature === null) throw new VerifyError("token_malformed");
    return { token, encodedHeader, signedLength, header, claims: parseClaims(payload), signature };
  }

  function remember({ encodedHeader, header }: ParsedToken): void {
    if (headers.has(encodedHeader)) return;
    if (headers.size >= HEADERS_MAX) headers.clear();
    headers.set(encodedHeader, header);
  }

  return { parse, remember };
}

function parseHeader(encoded: string): Header {
  const bytes = decodeBase64url(encoded);
  if (bytes === null) throw new VerifyError("token_malformed");
  const header = parseStrictJson(bytes);
  if (!isObject(header)) throw new VerifyError("header_malformed");
  if (REFUSED_MEMBERS.some((name) => Object.hasOwn(header, name))) throw new VerifyError("header_refused");
  const { alg, kid, typ } = header;
  // The algorithm is settled before any key is looked at (RFC 8725 section 3.1).
  if (!isVerifyAlgorithm(alg)) throw new VerifyError("alg_refused");
  if (kid !== undefined && !isKid(kid)) throw new VerifyError("kid_malformed");
  if (typ !== undefined && typeof typ !== "string") throw new VerifyError("header_malformed");
  return header as Header;
}

/** Whether a key may be called that: also in a log, where control characters would forge lines. */
export function isKid(kid: unknown): kid is string {
  return typeof kid === "string" && kid.length <= KID_LENGTH_MAX && /^\P{Control}+$/u.test(kid);
}

function parseClaims(payload: Uint8Array): Claims {
  const claims = parseStrictJson(payload);
  if (!isObject(claims)) throw new VerifyError("claims_malformed");
  const { iss, sub, aud, exp, nbf, iat, jti } = claims;
  const sound =
    isTextOrAbsent(iss) &&
    isTextOrAbsent(sub) &&
    isTextOrAbsent(jti) &&
    isInstantOrAbsent(exp) &&
    isInstantOrAbsent(nbf) &&
    isInstantOrAbsent(iat) &&
    (isTextOrAbsent(aud) || (Array.isArray(aud) && aud.every((item) => typeof item === "string")));
  if (!sound) throw new VerifyError("claims_malformed");
  return claims;
}

function isTextOrAbsent(value: unknown): boolean {
  return value === undefined || typeof value === "string";
}

/** A NumericDate (RFC 7519 section 2) that arithmetic does not bend: 1e999 parses as infinity. */
function isInstantOrAbsent(value: unknown): boolean {
  return value === undefined || (typeof value === "number" && Math.abs(value) <= Number.MAX_SAFE_INTEGER);
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
