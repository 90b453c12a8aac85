/** The bearer tokens (RFC 6750) that others make and put into the configuration. Only their SHA-256 is kept. */
import type { ApiTokens } from "../api-tokens/api-tokens.ts";
import type { Authenticate, Caller } from "../api-tokens/caller.ts";
import type { Role } from "../api-tokens/role.ts";
import { isTokenText } from "../api-tokens/token-text.ts";
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

type SoleRole = Extract<Role, "signer" | "security">;

/** What may be said of a token that is in no book. */
const SOLE_CALLERS: Readonly<Record<SoleRole, Caller>> = {
  signer: { id: "api-token", name: "api-token", role: "signer", scope: null },
  security: { id: "admin-token", name: "admin-token", role: "security", scope: null },
};

/** Whoever presents the one token. */
export function soleCaller(check: ApiTokenCheck, role: SoleRole = "signer"): Authenticate {
  return async (presented) => ((await check(presented)) ? SOLE_CALLERS[role] : null);
}

/** Tokens that others put into the configuration; null: none. */
export interface GivenTokens {
  /** Of a signer. */
  readonly apiToken: string | null;
  /** Of the role `security`. Default: none. */
  readonly adminToken?: string | null;
}

/**
 * Callers of the book, and beside them whoever presents one of the given tokens. A token that keyturn issued is
 * the book's alone to judge, wherever it stands; one that is given as both is a signer's, and no more.
 *
 * @throws KeyturnError `api_token_invalid`
 */
export async function authenticator(
  { authenticate }: Pick<ApiTokens, "authenticate">,
  { apiToken, adminToken = null }: GivenTokens,
): Promise<Authenticate> {
  const given = [await givenCaller(apiToken, "signer"), await givenCaller(adminToken, "security")];
  const soles = given.filter((sole) => sole !== null);
  if (soles.length === 0) return authenticate;
  return async (presented) => {
    for (const ask of [authenticate, ...soles]) {
      const caller = await ask(presented);
      if (caller !== null) return caller;
    }
    return null;
  };
}

async function givenCaller(token: string | null, role: SoleRole): Promise<Authenticate | null> {
  if (token === null || (await isTokenText(token))) return null;
  return soleCaller(await apiTokenCheck(token), role);
}

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
