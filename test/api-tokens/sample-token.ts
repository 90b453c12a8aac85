/** Tokens and books for the tests of their rules; nobody needs their values there. */
import { createHash } from "node:crypto";
import type { ApiToken } from "../../src/api-tokens/api-token.ts";
import type { CompleteOrder } from "../../src/api-tokens/order.ts";
import { emptyBook, type NewValue, type TokenBook } from "../../src/api-tokens/token-book.ts";

export const NOW = 1_800_000_000;

/** The id and the hash of a token by a short name: `t_orders__________`. */
export function newValue(name: string): NewValue {
  return { id: idOf(name), hash: createHash("sha256").update(name).digest("base64url") };
}

export function idOf(name: string): string {
  return `t_${name.padEnd(16, "_")}`;
}

export function orderOf(changes: Partial<CompleteOrder> = {}): CompleteOrder {
  return { name: "orders", role: "signer", scope: null, expiresInSeconds: 3600, ...changes };
}

export function sampleToken(name: string, changes: Partial<ApiToken> = {}): ApiToken {
  const { id, hash } = newValue(name);
  return {
    id,
    line: id,
    name: "orders",
    role: "signer",
    scope: null,
    hash,
    createdAt: NOW,
    expiresAt: null,
    successor: null,
    overlapUntil: null,
    revokedAt: null,
    revokedBecause: null,
    lastUsedAt: null,
    ...changes,
  };
}

export function bookOf(...tokens: readonly ApiToken[]): TokenBook {
  return { ...emptyBook("sample-book", "ring"), generation: 1, committedAt: NOW, tokens };
}
