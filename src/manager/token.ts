/** From the caller's claims to the JSON that is signed, or a refusal. */
import { KeyturnError } from "../errors.ts";
import { randomTokenId } from "../keys/random.ts";
import { exactDuration } from "../ring/duration.ts";

/** The caller's claims (RFC 7519 section 4): anything but those that the signer sets. */
export interface Claims {
  readonly sub?: string;
  readonly aud?: string | readonly string[];
  readonly nbf?: number;
  readonly [name: string]: unknown;
}

export interface SignOptions {
  /** Lifetime of the token in seconds, at most the policy's `tokenSeconds`. Default: that. */
  readonly expiresInSeconds?: number;
}

export interface SignedToken {
  /** The JWT in compact form (RFC 7519). */
  readonly token: string;
  readonly kid: string;
  /** Its `exp`, epoch seconds. */
  readonly expiresAt: number;
}

/** Headers carry tokens, and servers take 8 KiB of headers. */
export const CLAIMS_BYTES_MAX = 8192;

const RESERVED = ["iss", "iat", "exp", "jti"] as const;

/** The JWT claims set as JSON. `iat` and `exp` come from the very clock reading of the lease check. */
export function payloadOf(claims: Claims, issuerJson: string, issuedAt: number, expiresAt: number): string {
  assertClaims(claims, expiresAt);
  const own = jsonOf(claims);
  if (own.length * 3 > CLAIMS_BYTES_MAX && new TextEncoder().encode(own).length > CLAIMS_BYTES_MAX)
    throw tooLarge();
  const set = `{"iss":${issuerJson},"iat":${issuedAt},"exp":${expiresAt},"jti":"${randomTokenId()}"`;
  return own === "{}" ? `${set}}` : `${set},${own.slice(1)}`;
}

/** @throws KeyturnError `lifetime_too_long`, `claims_invalid` */
export function lifetimeOf(options: SignOptions, tokenSeconds: number): number {
  const seconds = options.expiresInSeconds ?? tokenSeconds;
  if (!Number.isInteger(seconds) || seconds < 1) {
    throw new KeyturnError(
      "claims_invalid",
      "expiresInSeconds is not a whole number of seconds, at least 1.",
      {
        fix: `Ask for 1 to ${tokenSeconds} seconds, or leave it out for ${tokenSeconds}.`,
      },
    );
  }
  if (seconds > tokenSeconds) {
    throw new KeyturnError(
      "lifetime_too_long",
      `A lifetime of ${exactDuration(seconds)} was asked for; the policy's tokenSeconds allows ${exactDuration(tokenSeconds)}.`,
      {
        fix: "Ask for less, or raise tokenSeconds in the policy: keys then stay published that much longer.",
      },
    );
  }
  return seconds;
}

function assertClaims(claims: Claims, expiresAt: number): void {
  if (typeof claims !== "object" || claims === null || Array.isArray(claims)) {
    throw invalid("Claims are not a JSON object", "Pass an object like { sub, aud }.");
  }
  // Spelled out, because V8 finds a name that stands in the code many times faster than one in a variable.
  if ("iss" in claims || "iat" in claims || "exp" in claims || "jti" in claims) {
    const name = RESERVED.find((reserved) => reserved in claims);
    throw invalid(`"${name}" is set by the signer`, "Leave it out of the claims.");
  }
  const { sub, aud, nbf } = claims;
  if (sub !== undefined && typeof sub !== "string")
    throw invalid('"sub" is not a string', "RFC 7519 section 4.1.2.");
  if (aud !== undefined && typeof aud !== "string" && !isListOfStrings(aud)) {
    throw invalid('"aud" is neither a string nor a list of strings', "RFC 7519 section 4.1.3.");
  }
  if (nbf !== undefined && !(Number.isInteger(nbf) && nbf < expiresAt)) {
    throw invalid(
      '"nbf" is not an instant before the expiry',
      "Pass epoch seconds (RFC 7519 section 4.1.5).",
    );
  }
  if (typeof claims["toJSON"] === "function")
    throw invalid("Claims bring their own toJSON", "Pass a plain object.");
}

function jsonOf(claims: Claims): string {
  let json: string;
  try {
    json = JSON.stringify(claims);
  } catch {
    // The cause would name members of the claims.
    throw invalid("Claims hold what JSON cannot say", "Leave out bigints and circular references.");
  }
  // A boxed primitive is an object here and none in JSON.
  if (!json.startsWith("{"))
    throw invalid("Claims are not a JSON object", "Pass an object like { sub, aud }.");
  return json;
}

function isListOfStrings(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === "string");
}

function invalid(what: string, fix: string): KeyturnError {
  return new KeyturnError("claims_invalid", `${what}.`, { fix });
}

function tooLarge(): KeyturnError {
  return new KeyturnError("claims_too_large", `The claims are over ${CLAIMS_BYTES_MAX} bytes of JSON.`, {
    fix: "Put large data behind a reference; a token travels in a header.",
  });
}
