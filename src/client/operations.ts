/** What a client asks of the service, and how it reads the answers. */
import type { Reading } from "../clock.ts";
import { apiTokenFrom, type Known, knownFrom } from "./api-token.ts";
import type { ServiceRequest } from "./service.ts";
import { type SignedToken, signedTokenFrom, signedTokensFrom } from "./signed-token.ts";

/** @param order `{ claims, expiresInSeconds? }` as JSON */
export function signOne(order: string): ServiceRequest<SignedToken> {
  return { method: "POST", path: "/v1/tokens", body: order, read: signedTokenFrom };
}

/** What a batch adds to its orders: its own brackets, and a comma after each. */
export const BATCH_BYTES: number = '{"tokens":[]}'.length;

export function signBatch(orders: readonly string[]): ServiceRequest<readonly SignedToken[]> {
  return {
    method: "POST",
    path: "/v1/tokens/batch",
    body: `{"tokens":[${orders.join(",")}]}`,
    read: (body) => signedTokensFrom(body, orders.length),
  };
}

/** What became of the token that is presented. @param since when it is asked */
export function lookAtSelf(since: Reading): ServiceRequest<Known> {
  return {
    method: "GET",
    path: "/v1/api-tokens/self",
    read: (body, servedAt) => knownFrom(body, servedAt, since),
  };
}

export interface Successor {
  /** Null where the service can no longer tell. */
  readonly token: string | null;
  /** For how long the one before it stays good. */
  readonly overlapSeconds: number;
}

/** @param now by this machine's clock, for a service that does not tell its own */
export function rotateToken(id: string, now: number): ServiceRequest<Successor> {
  return {
    method: "POST",
    path: `/v1/api-tokens/${encodeURIComponent(id)}/rotate`,
    body: "{}",
    read: (body, servedAt) => successorFrom(body, servedAt ?? now),
  };
}

function successorFrom(body: unknown, servedAt: number): Successor | null {
  const { token, overlapUntil } = (body ?? {}) as Record<string, unknown>;
  if (token !== null && (typeof token !== "string" || apiTokenFrom(token) !== token)) return null;
  if (typeof overlapUntil !== "number") return null;
  return { token, overlapSeconds: Math.max(0, overlapUntil - servedAt) };
}
