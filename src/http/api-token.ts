/** The bearer token (RFC 6750) that lets a service sign. Only its SHA-256 is kept. */
import type { Authenticate, Caller } from "../api-tokens/caller.ts";
import { KeyturnError } from "../errors.ts";

/** 256 bits in base64url. */
const LENGTH_MIN = 43;

/** Fewer different characters are a pattern; a random token in hex has 16 at most, and may lack some. */
const DISTINCT_CHARACTERS_MIN = 12;

/** Tells whether a presented token is the right one. */
export type ApiTokenCheck = (presented: string) => Promise<boolean>;

/**
 * @throws KeyturnError `api_token_invalid` when the token could be guessed; it is never part of the
 *   message.
 */
export async function apiTokenCheck(text: string): Promise<ApiTokenCheck> {
  const token = text.trim();
  const random = token.length >= LENGTH_MIN && new Set(token).size >= DISTINCT_CHARACTERS_MIN;
  if (!random || !/^[A-Za-z0-9._~+/=-]+$/.test(token)) {
    throw new KeyturnError("api_token_invalid", "The API token is shorter than 256 bits or not random.", {
      fix: "Have one issued (`keyturn api-token issue`), or make one: openssl rand 32 | basenc --base64url | tr -d =",
    });
  }
  // Comparing MACs of hashes under a key of this process takes the same time whatever is presented.
  const key = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
  const expected = await crypto.subtle.sign("HMAC", key, await sha256(token));
  return async (presented) => crypto.subtle.verify("HMAC", key, expected, await sha256(presented));
}

/** What may be said of a token that is in no book. */
const SOLE_CALLER: Caller = { id: "api-token", name: "api-token", role: "signer", scope: null };

/** Whoever presents the one token, as a signer. */
export function soleCaller(check: ApiTokenCheck): Authenticate {
  return async (presented) => ((await check(presented)) ? SOLE_CALLER : null);
}

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
