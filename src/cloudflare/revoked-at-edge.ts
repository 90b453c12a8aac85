/** What a revoke says of Cloudflare's own caches, beside what it says of verifiers. */
import type { EdgeBound } from "../http/admin/index.ts";
import { maxAgeSeconds } from "../ring/hold.ts";
import type { KeyRing } from "../ring/ring.ts";

/** The path of a revoke, as `operation` lists it. */
export function isRevoke(path: string): boolean {
  return /^\/v1\/keys\/[^/]+\/revoke$/.test(path);
}

/**
 * A copy of the JWKS is kept for `max-age` from when its ring was read, which was before `now` where it shows the
 * key; the clocks of two data centres differ. Copies of an earlier policy live as long as that allowed.
 */
export function elsewhereUntil({ policy, jwksHeldUntil }: ServedUnder, now: number): number {
  return Math.max(now + maxAgeSeconds(policy) + policy.skewSeconds, jwksHeldUntil);
}

export type ServedUnder = Pick<KeyRing, "policy" | "jwksHeldUntil">;

/** The answer to a revoke, with `edge` beside what the object has said. */
export async function withEdgeBound(response: Response, edge: EdgeBound): Promise<Response> {
  const told = (await response.json()) as object;
  const headers = new Headers(response.headers);
  headers.delete("Content-Length");
  return new Response(JSON.stringify({ ...told, edge }), { status: response.status, headers });
}
