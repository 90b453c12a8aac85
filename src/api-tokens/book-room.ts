/**
 * How much a book holds. A store takes no document without end, and a revocation must always fit: so
 * issuing stops first, rotations stop later, and what has ended makes room for everything.
 */
import { KeyturnError } from "../errors.ts";
import { DOCUMENT_BYTES_MAX } from "../store/store.ts";
import { type ApiToken, endedAt, isLive } from "./api-token.ts";

/** Tokens without a successor. Of ordinary size, they fill what issuing may fill. */
export const TOKENS_MAX = 80;

/** What a commit is for: some may be refused for want of room, and a revocation may not. */
export type RoomFor = "issue" | "rotate" | "revoke";

/** Bytes that the tokens may take in all. The rest of the document is below a kilobyte. */
const BYTES_MAX = DOCUMENT_BYTES_MAX - 1024;

/** Bytes up to which ended tokens are kept. What a revocation alone may fill is for its reason, and for last uses. */
const KEPT_BYTES_MAX: Readonly<Record<RoomFor, number>> = {
  issue: 61_440,
  rotate: 61_440,
  revoke: BYTES_MAX,
};

/** Bytes that tokens which are good may take after it. */
const LIVE_BYTES_MAX: Readonly<Record<RoomFor, number>> = {
  /** Not half of what rotations may fill, so that all may be rotated at once. */
  issue: 29_184,
  rotate: 61_440,
  revoke: BYTES_MAX,
};

/**
 * The tokens, and of those that ended only as many as there is room for. Time alone makes nobody
 * forgotten: the clock that says so may be wrong, and the commit is for all nodes.
 *
 * @param surely an instant that is past by more than this node's clock
 * @throws KeyturnError `api_tokens_full`; never for a revocation
 */
export function withRoom(
  tokens: readonly ApiToken[],
  commit: RoomFor,
  now: number,
  surely: number,
): readonly ApiToken[] {
  const live = tokens.filter((token) => isLive(token, now));
  if (commit === "issue" && live.filter(({ successor }) => successor === null).length > TOKENS_MAX)
    throw full(`${TOKENS_MAX} are good already`);
  const kept = shortened(tokens, KEPT_BYTES_MAX[commit], surely);
  const isTooWide = bytesOf(live) > LIVE_BYTES_MAX[commit] || !isRoomFor(kept);
  if (commit !== "revoke" && isTooWide) throw full("their names and scopes take all the room there is");
  return kept;
}

export function isRoomFor(tokens: readonly ApiToken[]): boolean {
  return bytesOf(tokens) <= BYTES_MAX;
}

/** Without as many of those that can be forgotten as it takes to come down to `bytesMax`. */
function shortened(tokens: readonly ApiToken[], bytesMax: number, surely: number): readonly ApiToken[] {
  const gone = new Set<ApiToken>();
  let bytes = bytesOf(tokens);
  for (const token of forgettable(tokens, surely)) {
    if (bytes <= bytesMax) break;
    gone.add(token);
    // With the comma, and without the brackets.
    bytes -= bytesOf([token]) - 1;
  }
  return tokens.filter((token) => !gone.has(token));
}

/** Those that have ended, in the order in which they are forgotten: longest ended first, of each kind. */
function forgettable(tokens: readonly ApiToken[], surely: number): readonly ApiToken[] {
  const since = (token: ApiToken) => endedAt(token, surely) ?? surely;
  return tokens
    .filter((token) => !isLive(token, surely))
    .toSorted((a, b) => lastingOf(a) - lastingOf(b) || since(a) - since(b));
}

/** How long one that has ended is kept beside others. A revoked one needs no clock to have ended; of an expired one somebody may ask. */
function lastingOf({ revokedAt, successor }: ApiToken): number {
  if (revokedAt !== null) return 0;
  return successor === null ? 2 : 1;
}

function bytesOf(tokens: readonly ApiToken[]): number {
  return new TextEncoder().encode(JSON.stringify(tokens)).length;
}

function full(why: string): KeyturnError {
  return new KeyturnError("api_tokens_full", `There is no room for another API token: ${why}.`, {
    fix: "Revoke those that nobody uses (`keyturn api-token list` shows when each was used last).",
  });
}
