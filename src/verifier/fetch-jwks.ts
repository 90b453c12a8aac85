/**
 * One request for a JWKS, and nothing that a server could do with it: one deadline over headers and
 * body, a cap on the body as it comes out of any compression, no redirect to elsewhere.
 */
import { isRedirect, leaveUnread, readAtMost, retryAfterSeconds } from "../answer.ts";
import { isTimeout, withinSeconds } from "../deadline.ts";
import { type JwksDocument, parseJwks } from "./jwks-document.ts";

/** Why a JWKS did not come. Stable. */
export type FetchFailure =
  | "timeout"
  | "network" // no connection, or it broke
  | "redirect"
  | "status" // anything but 200, or 304 where it was asked for
  | "too_large"
  | "not_a_jwks" // HTML, broken JSON, no list of keys, or too many
  | "older_set"; // a lower generation than one seen: a stale edge

export type JwksAnswer =
  | {
      readonly kind: "set";
      readonly document: JwksDocument;
      /** As it came, for a snapshot. */
      readonly body: string;
      readonly etag: string | null;
      readonly maxAgeSeconds: number | null;
      /** For how long a cache on the way had it already. */
      readonly ageSeconds: number;
    }
  | { readonly kind: "unchanged"; readonly maxAgeSeconds: number | null; readonly ageSeconds: number }
  | {
      readonly kind: "failed";
      readonly because: FetchFailure;
      readonly status: number | null;
      /** What the server asks for (RFC 9110 section 10.2.3). */
      readonly retryAfterSeconds: number | null;
    };

export interface FetchLimits {
  readonly fetchSeconds: number;
  readonly maxJwksBytes: number;
  readonly maxKeys: number;
}

/** Asks for the JWKS; never rejects. @param etag of the set that is held, to be told when it is still the one. */
export type JwksOrigin = (etag: string | null, now: number) => Promise<JwksAnswer>;

export function httpOrigin(url: string, fetcher: typeof fetch | null, limits: FetchLimits): JwksOrigin {
  return async (etag, now) => {
    try {
      return await withinSeconds(limits.fetchSeconds, (signal) =>
        request(url, fetcher ?? fetch, etag, now, signal, limits),
      );
    } catch (error) {
      return failed(isTimeout(error) ? "timeout" : "network");
    }
  };
}

/** Keys that are given and not fetched. Nobody can take them back, and they never grow old. */
export function fixedOrigin(document: JwksDocument): JwksOrigin {
  return async () => ({
    kind: "set",
    document,
    body: "",
    etag: null,
    maxAgeSeconds: Number.POSITIVE_INFINITY,
    ageSeconds: 0,
  });
}

async function request(
  url: string,
  fetcher: typeof fetch,
  etag: string | null,
  now: number,
  signal: AbortSignal,
  { maxJwksBytes, maxKeys }: FetchLimits,
): Promise<JwksAnswer> {
  const headers = {
    Accept: "application/jwk-set+json, application/json",
    ...(etag === null ? {} : { "If-None-Match": etag }),
  };
  // Not "error", which Workers do not have.
  const response = await fetcher(url, { headers, redirect: "manual", signal });
  const freshness = freshnessOf(response.headers);
  if (response.status === 304 && etag !== null) return { kind: "unchanged", ...freshness };
  if (response.status !== 200) {
    leaveUnread(response);
    const because = isRedirect(response) ? "redirect" : "status";
    return failed(because, response.status, retryAfterSeconds(response.headers, now));
  }
  const body = await readAtMost(response, maxJwksBytes);
  if (body === null) return failed("too_large", response.status);
  const document = parseJwks(body, maxKeys);
  if (document === null) return failed("not_a_jwks", response.status);
  return {
    kind: "set",
    document,
    body: new TextDecoder().decode(body),
    etag: response.headers.get("ETag"),
    ...freshness,
  };
}

/** RFC 9111 sections 5.1 and 5.2.2. What must not be kept, or only after asking, is as old as can be. */
function freshnessOf(headers: Headers): { maxAgeSeconds: number | null; ageSeconds: number } {
  const control = headers.get("Cache-Control")?.toLowerCase() ?? "";
  const maxAge = /(?:^|[\s,])max-age="?(-?\d{1,10})/.exec(control)?.[1];
  const mustAsk = /(?:^|[\s,])no-(?:store|cache)(?:$|[\s,])/.test(control);
  const age = /^\s*(\d{1,10})/.exec(headers.get("Age") ?? "")?.[1];
  return {
    maxAgeSeconds: mustAsk ? 0 : maxAge === undefined ? null : Number(maxAge),
    ageSeconds: Number(age ?? 0),
  };
}

export function failed(
  because: FetchFailure,
  status: number | null = null,
  retryAfterSeconds: number | null = null,
): JwksAnswer & { kind: "failed" } {
  return { kind: "failed", because, status, retryAfterSeconds };
}
