/** Bearer tokens over HTTP (RFC 6750): from a header to a verified token, and from a refusal to an answer. */
import { KeyturnError } from "../errors.ts";
import { isVerifyError } from "./refusal.ts";
import type { VerifiedToken, Verifier, VerifyOptions } from "./verifier.ts";

export interface BearerOptions {
  /** Of `WWW-Authenticate` (RFC 9110 section 11.5). Default: none. */
  readonly realm?: string;
}

/** What to answer a request that is not let through, for any framework. */
export interface Refusal {
  readonly status: 400 | 401 | 503;
  readonly headers: Readonly<Record<string, string>>;
  /** A problem document (RFC 9457). */
  readonly body: string;
}

export type Admission = { readonly token: VerifiedToken } | { readonly refusal: Refusal };

/** The scheme's name in any case, spaces, and one token (RFC 6750 section 2.1, RFC 9110 section 11.4). */
const BEARER = /^Bearer +([^\s,]+) *$/i;

/**
 * Judged where routes are set up, because a realm that no header can hold would fail at the first
 * request without a token. @throws KeyturnError `config_invalid`
 */
export function assertOptions({ realm }: BearerOptions): void {
  // What a quoted string may hold (RFC 9110 section 5.6.4), in bytes that every server sends.
  if (realm === undefined || /^[\t\x20-\x7e]*$/.test(realm)) return;
  throw new KeyturnError("config_invalid", "The realm has characters that a header cannot hold.", {
    fix: "Write it in printable ASCII, where jwtAuth is called.",
  });
}

/** Rejects only for a fault of ours: a bad token is an answer. */
export async function admit(
  verifier: Verifier,
  authorization: string | undefined,
  { realm }: BearerOptions,
  options?: VerifyOptions,
): Promise<Admission> {
  // Who showed nothing is told how, and no error (RFC 6750 section 3.1).
  if (authorization === undefined || !/^Bearer(?: |$)/i.test(authorization)) {
    return { refusal: refusal(401, "token_missing", "No bearer token was sent.", challenge(realm)) };
  }
  const token = BEARER.exec(authorization)?.[1];
  if (token === undefined) {
    const detail = "The Authorization header is not of the form: Bearer <token>.";
    return {
      refusal: refusal(400, "request_malformed", detail, challenge(realm, "invalid_request", detail)),
    };
  }
  try {
    return { token: await verifier.verify(token, options) };
  } catch (error) {
    if (!isVerifyError(error)) throw error;
    const { reason, message, status, retryAfterSeconds } = error;
    if (status === 503) {
      return { refusal: refusal(503, reason, message, { "Retry-After": String(retryAfterSeconds ?? 1) }) };
    }
    return { refusal: refusal(401, reason, message, challenge(realm, "invalid_token", message)) };
  }
}

function refusal(
  status: Refusal["status"],
  reason: string,
  detail: string,
  headers: Readonly<Record<string, string>>,
): Refusal {
  const title = { 400: "Bad Request", 401: "Unauthorized", 503: "Service Unavailable" }[status];
  return {
    status,
    headers: { "Content-Type": "application/problem+json", "Cache-Control": "no-store", ...headers },
    body: JSON.stringify({ type: `urn:keyturn:problem:${reason}`, title, status, code: reason, detail }),
  };
}

/** RFC 6750 section 3, each value a quoted string (RFC 9110 section 5.6.4). */
function challenge(realm: string | undefined, error?: string, description?: string): Record<string, string> {
  const parameters = Object.entries({ realm, error, error_description: description });
  const written = parameters.flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}="${value.replace(/["\\]/g, "\\$&")}"`],
  );
  return { "WWW-Authenticate": ["Bearer", written.join(", ")].join(" ").trim() };
}
