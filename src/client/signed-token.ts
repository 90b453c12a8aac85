/** What is asked of the service, and what it answers. */

/** The caller's claims (RFC 7519 section 4): anything but `iss`, `iat`, `exp` and `jti`, which the service sets. */
export interface Claims {
  readonly sub?: string;
  readonly aud?: string | readonly string[];
  readonly nbf?: number;
  readonly [name: string]: unknown;
}

export interface SignedToken {
  /** The JWT in compact form (RFC 7519). */
  readonly token: string;
  readonly kid: string;
  /** Its `exp`, epoch seconds. */
  readonly expiresAt: number;
}

/** Null where it is none. */
export function signedTokenFrom(body: unknown): SignedToken | null {
  const { token, kid, expiresAt } = (body ?? {}) as Record<string, unknown>;
  if (typeof token !== "string" || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return null;
  if (typeof kid !== "string" || !Number.isSafeInteger(expiresAt)) return null;
  return { token, kid, expiresAt: expiresAt as number };
}

/** As many as were asked for, in that order; null where it is anything else. */
export function signedTokensFrom(body: unknown, count: number): readonly SignedToken[] | null {
  const { tokens } = (body ?? {}) as { tokens?: unknown };
  if (!Array.isArray(tokens) || tokens.length !== count) return null;
  const signed = tokens.map(signedTokenFrom).filter((token) => token !== null);
  return signed.length === count ? signed : null;
}
