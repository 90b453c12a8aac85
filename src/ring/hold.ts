/**
 * The two waits that keep every honest token verifiable, computed from the policy and never
 * configured. Each is a sum of named terms, so that an error or a plan can show its reasoning.
 */
import type { RotationPolicy } from "./policy.ts";

/** One summand of a hold, for people: `token 60m`, `2 × skew 30s`. */
export interface Term {
  readonly name: string;
  readonly seconds: number;
  readonly times: number;
}

export interface Hold {
  readonly seconds: number;
  /** `sum` when the sum is longer than the overlap, else `overlap`. */
  readonly decidedBy: "overlap" | "sum";
  readonly terms: readonly Term[];
}

/** How long caches may hold the JWKS twice over: once at an edge, once in the verifier. */
export function overlapSeconds(policy: RotationPolicy): number {
  return policy.overlapSeconds ?? 2 * policy.jwksCacheSeconds;
}

/**
 * σ: what refresh, fetches and skew cost on top of the caches. It is taken off the served
 * max-age, so that an edge cache plus a verifier's cache still fit into the overlap.
 */
export function marginSeconds(policy: RotationPolicy): number {
  return policy.refreshSeconds + 2 * policy.fetchSeconds + policy.skewSeconds;
}

/** The `max-age` of the served JWKS (RFC 9111 section 5.2.2.1): C − σ. */
export function maxAgeSeconds(policy: RotationPolicy): number {
  return policy.jwksCacheSeconds - marginSeconds(policy);
}

/**
 * How long a key is published before it may emit: until then some verifier may still hold a JWKS
 * without it. The slowest path is a node that served its old ring for `refresh`, an edge that then
 * kept the answer for `max-age`, and a verifier that fetched it at the last instant and kept it
 * for the whole cache TTL.
 */
export function emitHold(policy: RotationPolicy): Hold {
  return hold(overlapSeconds(policy), [
    { name: "refresh", seconds: policy.refreshSeconds, times: 1 },
    { name: "fetch", seconds: policy.fetchSeconds, times: 2 },
    { name: "max-age", seconds: maxAgeSeconds(policy), times: 1 },
    { name: "JWKS cache", seconds: policy.jwksCacheSeconds, times: 1 },
    { name: "skew", seconds: policy.skewSeconds, times: 1 },
  ]);
}

/**
 * How long a key stays published after it last emitted: until the last token it can have signed
 * has expired everywhere. Caches have no part in it; they only ever keep a key longer.
 */
export function retireHold(policy: RotationPolicy): Hold {
  return hold(overlapSeconds(policy), [
    { name: "lease", seconds: policy.leaseSeconds, times: 1 },
    { name: "token", seconds: policy.tokenSeconds, times: 1 },
    { name: "leeway", seconds: policy.leewaySeconds, times: 1 },
    { name: "skew", seconds: policy.skewSeconds, times: 2 },
  ]);
}

/**
 * How long after a revoke a verifier that honours the cache TTL may still accept the key: the
 * emit hold's path again, the other way round, without the floor.
 */
export function revocationBoundSeconds(policy: RotationPolicy): number {
  return sumOf(emitHold(policy).terms);
}

export function sumOf(terms: readonly Term[]): number {
  return terms.reduce((sum, term) => sum + term.times * term.seconds, 0);
}

function hold(overlap: number, terms: readonly Term[]): Hold {
  const sum = sumOf(terms);
  return { seconds: Math.max(overlap, sum), decidedBy: overlap >= sum ? "overlap" : "sum", terms };
}
