/**
 * The JWKS over HTTP. Body and headers are derived from (ring, now) and remembered until the ring
 * or the next instant changes them, so an answer costs no more than sending it; never longer, so
 * that no key outlives its time in a cached body.
 */
import type { KeyManager } from "../manager/manager.ts";
import { maxAgeSeconds } from "../ring/hold.ts";
import { jwksChangesAt, jwksEtag, publicJwks } from "../ring/jwks.ts";
import type { KeyRing } from "../ring/ring.ts";

export const JWKS_PATH = "/.well-known/jwks.json";

/** One answer, ready to send. */
export interface JwksAnswer {
  readonly status: 200 | 304;
  /** Names and values in turn, as `writeHead` takes them. */
  readonly headers: readonly string[];
  readonly body: string | null;
}

/** The headers as pairs. */
export function headerPairs({ headers }: Pick<JwksAnswer, "headers">): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < headers.length; i += 2) pairs.push([headers[i] as string, headers[i + 1] as string]);
  return pairs;
}

/** Answers a GET by its `If-None-Match`. A HEAD gets the same, less the body. */
export type JwksAnswers = (ifNoneMatch: string | undefined) => JwksAnswer;

export function jwksAnswers({
  ring,
  clock,
  lagSeconds,
}: Pick<KeyManager, "ring" | "clock" | "lagSeconds">): JwksAnswers {
  let lookedAt = clock.now();
  let derived = derive(ring(), lookedAt, lagSeconds());
  return (ifNoneMatch) => {
    const now = clock.now();
    // Instants are whole seconds, so within one only a commit changes what is due; a lag may show a second late.
    if (now !== lookedAt || derived.ring !== ring()) {
      const lag = lagSeconds();
      if (!isCurrent(derived, ring(), now, lag)) derived = derive(ring(), now, lag);
      lookedAt = now;
    }
    return etagMatches(ifNoneMatch, derived.etag) ? derived.notModified : derived.ok;
  };
}

interface Derived {
  readonly ring: KeyRing;
  readonly lag: number;
  readonly from: number;
  readonly until: number;
  readonly etag: string;
  readonly ok: JwksAnswer;
  readonly notModified: JwksAnswer;
}

function isCurrent(derived: Derived, ring: KeyRing, now: number, lag: number): boolean {
  return derived.ring === ring && derived.lag === lag && now >= derived.from && now < derived.until;
}

function derive(ring: KeyRing, now: number, lag: number): Derived {
  const body = JSON.stringify(publicJwks(ring, now));
  const etag = jwksEtag(ring, now);
  const validators = ["ETag", etag, "Cache-Control", cacheControl(ring, lag), ...CROSS_ORIGIN];
  const content = ["Content-Type", "application/jwk-set+json", "Content-Length", String(byteLength(body))];
  return {
    ring,
    lag,
    from: now,
    until: jwksChangesAt(ring, now) ?? Infinity,
    etag,
    ok: { status: 200, headers: [...content, ...validators, "X-Content-Type-Options", "nosniff"], body },
    notModified: { status: 304, headers: validators, body: null },
  };
}

/**
 * RFC 9111 section 5.2.2: anyone may keep it for max-age, and no longer, whatever the origin's
 * state; the margin that max-age leaves of the cache TTL pays for refresh, fetches and skew. A node
 * whose refreshes fail takes its lag off as well: what it serves is older, so it may be kept less.
 */
export function cacheControl(ring: KeyRing, lag: number): string {
  return `public, max-age=${Math.max(0, maxAgeSeconds(ring.policy) - lag)}, must-revalidate`;
}

/** Public keys are for everyone, browsers included; the ETag so that they can revalidate. */
const CROSS_ORIGIN = ["Access-Control-Allow-Origin", "*", "Access-Control-Expose-Headers", "ETag"];

/** RFC 9110 section 13.1.2: a list of tags compared weakly, or `*`. */
export function etagMatches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch === etag || ifNoneMatch === "*") return true;
  return ifNoneMatch.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
