/**
 * Who presents an API token, by the copy of the book in memory. Tokens are compared as hashes, so how long
 * that takes says nothing about any value that would be good.
 */
import { callerOf, isLive } from "./api-token.ts";
import type { Authenticate, Caller } from "./caller.ts";
import type { BookHolder } from "./held-book.ts";
import type { LastUses } from "./last-uses.ts";
import { hashOf, isTokenText } from "./token-text.ts";

export interface Recognition {
  /** Whether the copy may decide on a request. */
  isWithinLease(): boolean;
  readonly authenticate: Authenticate;
  readonly recognize: Authenticate;
}

export function recognition(options: {
  readonly holder: BookHolder;
  readonly leaseSeconds: number;
  /** Reads the store, seldom enough for anybody to ask. */
  readonly look: () => Promise<void>;
  readonly used: LastUses;
  readonly now: () => number;
}): Recognition {
  const { holder, leaseSeconds, look, used, now } = options;
  const isWithinLease = () => holder.ageSeconds() <= leaseSeconds;
  const find = (hash: string) => holder.current()?.byHash.get(hash);

  function callerBy(hash: string): Caller | null {
    const token = find(hash);
    if (token === undefined || !isLive(token, now())) return null;
    used.note(token.id, now());
    return callerOf(token);
  }

  return {
    isWithinLease,
    async authenticate(presented) {
      const hash = await hashOf(presented);
      if (find(hash) === undefined && !(await isTokenText(presented))) return null;
      if (!isWithinLease() || find(hash) === undefined) await look();
      return callerBy(hash);
    },
    async recognize(presented) {
      const hash = await hashOf(presented);
      return isWithinLease() ? callerBy(hash) : null;
    },
  };
}
