/**
 * How much a book holds. A store takes no document without end, and a revocation must always fit: so
 * issuing stops first, rotations stop later, and what has ended makes room for everything.
 */
import { KeyturnError } from "../errors.ts";
import { DOCUMENT_BYTES_MAX } from "../store/store.ts";
import { type ApiToken, endedAt, isLive } from "./api-token.ts";
import type { TokenBook } from "./token-book.ts";

/** Tokens without a successor. Of ordinary size, they fill what issuing may fill. */
export const TOKENS_MAX = 80;

/** Ended tokens are shown this long: who asks why a service was refused looks within a week. */
export const ENDED_KEPT_SECONDS = 604_800;

/** What a commit is for: some may be refused for want of room, and `keep` may not. */
export type RoomFor = "issue" | "rotate" | "keep";

/** Bytes that the tokens may take after it. */
const BYTES_MAX: Readonly<Record<RoomFor, number>> = {
  /** Not half of what a store takes, so that all may be rotated at once. */
  issue: 28_672,
  /** What remains is for reasons of revocations, and for last uses. */
  rotate: 61_440,
  /** The rest of the document is below a kilobyte. */
  keep: DOCUMENT_BYTES_MAX - 1024,
};

/**
 * The book without what ended long ago, and with only as much of what ended of late as there is room for.
 *
 * @throws KeyturnError `api_tokens_full`; never for `keep`
 */
export function withRoom(book: TokenBook, commit: RoomFor, now: number): TokenBook {
  const live = book.tokens.filter((token) => isLive(token, now));
  if (commit === "issue" && live.filter(({ successor }) => successor === null).length > TOKENS_MAX)
    throw full(`${TOKENS_MAX} are good already`);
  if (commit !== "keep" && bytesOf(live) > BYTES_MAX[commit])
    throw full("their names and scopes take all the room there is");

  const endedAgo = (token: ApiToken) => now - (endedAt(token, now) ?? now);
  const ended = book.tokens
    .filter((token) => !live.includes(token) && endedAgo(token) < ENDED_KEPT_SECONDS)
    .toSorted((a, b) => endedAgo(a) - endedAgo(b));
  const kept = [...live];
  for (const token of ended) if (bytesOf([...kept, token]) <= BYTES_MAX[commit]) kept.push(token);
  return { ...book, tokens: book.tokens.filter((token) => kept.includes(token)) };
}

function bytesOf(tokens: readonly ApiToken[]): number {
  return new TextEncoder().encode(JSON.stringify(tokens)).length;
}

function full(why: string): KeyturnError {
  return new KeyturnError("api_tokens_full", `There is no room for another API token: ${why}.`, {
    fix: "Revoke those that nobody uses (`keyturn api-token list` shows when each was used last).",
  });
}
