/** When tokens were used last, as it was seen here since the book was written: copies tell each other of it. */
import { type TokenBook, tokenOf } from "./token-book.ts";

/** The last use of an API token. */
export interface TokenUse {
  /** Id of the token. */
  readonly id: string;
  /** Epoch seconds. */
  readonly at: number;
}

export interface LastUses {
  /** By id, in epoch seconds. */
  readonly at: ReadonlyMap<string, number>;
  note(id: string, now: number): void;
  /** All of them, which are then no longer here. */
  take(): readonly TokenUse[];
  /** Takes up what another copy has seen, of tokens in `book`. */
  takeUp(uses: readonly TokenUse[], book: TokenBook, now: number): void;
  /** Of tokens that are no more, nobody asks when they were used. */
  keepOnly(book: TokenBook): void;
}

export function lastUses(): LastUses {
  const usedAt = new Map<string, number>();
  return {
    at: usedAt,
    note: (id, now) => void usedAt.set(id, now),
    take() {
      const uses = [...usedAt].map(([id, at]) => ({ id, at }));
      usedAt.clear();
      return uses;
    },
    takeUp(uses, book, now) {
      for (const { id, at } of uses) {
        const token = tokenOf(book, id);
        // One instant that cannot be would keep the book, and all that is in it, from being written.
        if (token === null || !(at >= token.createdAt)) continue;
        usedAt.set(id, Math.max(usedAt.get(id) ?? 0, Math.min(Math.floor(at), now)));
      }
    },
    keepOnly(book) {
      for (const id of usedAt.keys()) if (tokenOf(book, id) === null) usedAt.delete(id);
    },
  };
}
