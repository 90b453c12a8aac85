/** One API token as it is kept, without its value, and what its instants mean now. */
import type { Caller } from "./caller.ts";
import type { Role } from "./role.ts";
import type { Scope } from "./scope.ts";

export interface ApiToken {
  /** `t_` and 16 characters of base64url; fit for logs, paths and the audit. */
  readonly id: string;
  /** Id of the first token of its line: of the one that was issued, and that all others follow. */
  readonly line: string;
  /** For people, 1 to 100 printable characters. A successor has the same. */
  readonly name: string;
  readonly role: Role;
  /** Signers only; null: no bound. */
  readonly scope: Scope | null;
  /** SHA-256 of the value, base64url. */
  readonly hash: string;
  /** Epoch seconds, as every instant here. */
  readonly createdAt: number;
  /** Null: it does not expire. */
  readonly expiresAt: number | null;
  /** Id of the token that follows it; null until it is rotated. */
  readonly successor: string | null;
  /** Until when it is good beside its successor; null until it is rotated. */
  readonly overlapUntil: number | null;
  readonly revokedAt: number | null;
  readonly revokedBecause: string | null;
  /** To five minutes or so, as it is written down seldom; null: never. */
  readonly lastUsedAt: number | null;
}

/** `valid` and `overlapping` ones are accepted; an overlapping one has a successor. */
export type TokenPhase = "valid" | "overlapping" | "expired" | "revoked";

/** What may be shown of a token: everything but its hash. */
export interface ApiTokenView extends Omit<ApiToken, "hash"> {
  readonly phase: TokenPhase;
}

/** By how much the clock of whoever checks may be ahead of the one that issued. A revocation knows no leeway. */
export const EXPIRY_LEEWAY_SECONDS = 30;

export function phaseOf(token: ApiToken, now: number): TokenPhase {
  if (token.revokedAt !== null) return "revoked";
  if (now >= endsAt(token) + EXPIRY_LEEWAY_SECONDS) return "expired";
  return token.successor === null ? "valid" : "overlapping";
}

export function isLive(token: ApiToken, now: number): boolean {
  const phase = phaseOf(token, now);
  return phase === "valid" || phase === "overlapping";
}

/** When it stopped being accepted; null while it is. */
export function endedAt(token: ApiToken, now: number): number | null {
  return isLive(token, now) ? null : (token.revokedAt ?? endsAt(token));
}

/** When its time is over if nobody revokes it; never, for one that neither expires nor has a successor. */
function endsAt({ expiresAt, overlapUntil }: ApiToken): number {
  return Math.min(expiresAt ?? Number.POSITIVE_INFINITY, overlapUntil ?? Number.POSITIVE_INFINITY);
}

export function viewOf(token: ApiToken, now: number): ApiTokenView {
  const { hash: _, ...shown } = token;
  return { ...shown, phase: phaseOf(token, now) };
}

export function callerOf({ id, name, role, scope }: ApiToken): Caller {
  return { id, name, role, scope };
}
