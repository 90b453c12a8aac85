/**
 * The rules of API tokens, the same idea as the ring's: a successor is accepted while its predecessor
 * still is, then the predecessor goes. Pure: each rule takes a book and gives the next one, or null
 * where there is nothing to do.
 */
import { KeyturnError } from "../errors.ts";
import { type ApiToken, endedAt, isLive, phaseOf } from "./api-token.ts";
import { isRoomFor, type RoomFor, withRoom } from "./book-room.ts";
import { datedAt } from "./book-time.ts";
import { type CompleteOrder, type CompleteRotation, orderInvalid } from "./order.ts";

/** All API tokens of a deployment: an immutable document beside the ring. */
export interface TokenBook {
  /** Random, made with the first token. */
  readonly id: string;
  /** Id of the ring that it stands beside: under one KEK there may be several. */
  readonly ring: string;
  /** +1 at every commit; 0 for the empty book that was never stored. */
  readonly generation: number;
  /**
   * When a token was last issued, rotated or revoked. Writing down last uses does not move it: whoever asks
   * of a node whose clock is ahead would then have it end the tokens of all nodes.
   */
  readonly committedAt: number;
  /** In the order in which they were made. */
  readonly tokens: readonly ApiToken[];
}

/** A value that waits for its entry: only its hash is known here. */
export interface NewValue {
  readonly id: string;
  readonly hash: string;
}

/** Tokens of one line that may be good at once: that often can one be rotated within its overlap. */
export const LINE_TOKENS_MAX = 5;

/** An answer "used since" need not be exact, and each correction is a commit: once in five minutes. */
export const LAST_USED_STEP_SECONDS = 300;

export function emptyBook(id: string, ring: string): TokenBook {
  return { id, ring, generation: 0, committedAt: 0, tokens: [] };
}

export function tokenOf(book: TokenBook, id: string): ApiToken | null {
  return book.tokens.find((token) => token.id === id) ?? null;
}

/** @throws KeyturnError `api_tokens_full` */
export function issue(book: TokenBook, value: NewValue, order: CompleteOrder, now: number): TokenBook {
  const { name, role, scope, expiresInSeconds } = order;
  const token = made({ ...value, line: value.id, name, role, scope }, expiresInSeconds, now);
  return changed(book, [...book.tokens, token], "issue", now);
}

/**
 * Gives `id` a successor; null when it has one already, which is the same however often it is asked for.
 *
 * @throws KeyturnError `api_token_unknown`, `api_token_ended`, `api_tokens_full`, `api_token_order_invalid`
 */
export function rotate(
  book: TokenBook,
  id: string,
  value: NewValue,
  order: CompleteRotation,
  now: number,
): TokenBook | null {
  const token = known(book, id);
  if (!isLive(token, now)) throw ended(token, now);
  if (token.successor !== null) {
    assertGood(book, token.successor, now);
    return null;
  }
  assertUnhurried(book, id, now);
  const { line, name, role, scope, expiresAt } = token;
  const successor = made({ ...value, line, name, role, scope }, lifetimeAfter(token, order), now);
  const overlapUntil = Math.min(now + order.overlapSeconds, expiresAt ?? Number.POSITIVE_INFINITY);
  const replaced = { ...token, successor: value.id, overlapUntil };
  const tokens = book.tokens.map((other) => (other.id === id ? replaced : other));
  return changed(book, [...tokens, successor], "rotate", now);
}

/** Ends the tokens named, at once and for ever. Null when all have ended already. @throws KeyturnError `api_token_unknown` */
export function revoke(
  book: TokenBook,
  ids: readonly string[],
  reason: string,
  now: number,
): TokenBook | null {
  const live = ids.flatMap((id) => knownOrForgotten(book, id)).filter((token) => isLive(token, now));
  if (live.length === 0) return null;
  const tokens = book.tokens.map((token) =>
    live.includes(token) ? { ...token, revokedAt: now, revokedBecause: reason } : token,
  );
  return changed(book, tokens, "revoke", now);
}

/**
 * Writes down when tokens were used last; null when what is written is near enough, or where there is no
 * room: nothing is forgotten for it.
 *
 * @param restingSince where commits are few: there is none for this alone where the book has changed, or a
 *   use was written, later than then. All nodes see those instants, so the whole fleet keeps to it.
 */
export function touched(
  book: TokenBook,
  usedAt: ReadonlyMap<string, number>,
  restingSince: number = Number.POSITIVE_INFINITY,
): TokenBook | null {
  const writtenAt = Math.max(book.committedAt, ...book.tokens.map(({ lastUsedAt }) => lastUsedAt ?? 0));
  if (writtenAt > restingSince) return null;
  const isDue = ({ id, lastUsedAt }: ApiToken) =>
    (usedAt.get(id) ?? 0) >= (lastUsedAt ?? 0) + LAST_USED_STEP_SECONDS;
  if (!book.tokens.some(isDue)) return null;
  const next = withUses(book, usedAt);
  return isRoomFor(next.tokens) ? next : null;
}

/** The same book with later uses in it: what a commit for something else can take along. */
export function withUses(book: TokenBook, usedAt: ReadonlyMap<string, number>): TokenBook {
  const tokens = book.tokens.map((token) => ({ ...token, lastUsedAt: laterUse(token, usedAt) }));
  return { ...book, tokens };
}

/** When a token was used last, by the book and by whoever has seen it since. */
export function laterUse({ id, lastUsedAt }: ApiToken, usedAt: ReadonlyMap<string, number>): number | null {
  const seen = usedAt.get(id);
  return seen === undefined ? lastUsedAt : Math.max(seen, lastUsedAt ?? seen);
}

/**
 * The tokens that came from one: all before and all after it, itself included, oldest first. Its own entry
 * may be forgotten by now: whoever stole a token can rotate it until it is.
 */
export function lineOf(book: TokenBook, id: string): readonly ApiToken[] {
  const { line } = tokenOf(book, id) ?? book.tokens.find((token) => isOfLine(id, token.line)) ?? {};
  return book.tokens.filter((token) => token.line === line);
}

/** Ids of one line begin alike, so that the line of each is known when its entry is not there any more. */
export function idInLine(line: string, id: string): string {
  return line.slice(0, LINE_LENGTH) + id.slice(LINE_LENGTH);
}

/** `t_` and 48 bits, which no two of the few lines of a book have in common. */
const LINE_LENGTH = 10;

function isOfLine(id: string, line: string): boolean {
  return id.slice(0, LINE_LENGTH) === line.slice(0, LINE_LENGTH);
}

function changed(book: TokenBook, tokens: readonly ApiToken[], commit: RoomFor, now: number): TokenBook {
  // What this clock alone holds to be over is not forgotten: it may be the one that is wrong.
  const surely = Math.min(now, book.committedAt);
  return { ...book, committedAt: datedAt(book, now), tokens: withRoom(tokens, commit, now, surely) };
}

function made(
  entry: Pick<ApiToken, "id" | "line" | "hash" | "name" | "role" | "scope">,
  expiresInSeconds: number | null,
  now: number,
): ApiToken {
  const { id, line, name, role, scope, hash } = entry;
  const expiresAt = expiresInSeconds === null ? null : now + expiresInSeconds;
  const unwritten = {
    successor: null,
    overlapUntil: null,
    revokedAt: null,
    revokedBecause: null,
    lastUsedAt: null,
  };
  return { id, line, name, role, scope, hash, createdAt: now, expiresAt, ...unwritten };
}

/** A token may be rotated by who holds it, so rotation must not be a way to a longer life than was granted. */
function lifetimeAfter(
  { createdAt, expiresAt }: ApiToken,
  { expiresInSeconds }: CompleteRotation,
): number | null {
  const granted = expiresAt === null ? null : expiresAt - createdAt;
  if (expiresInSeconds === undefined) return granted;
  if (granted === null || (expiresInSeconds !== null && expiresInSeconds <= granted)) return expiresInSeconds;
  const message = `Expected at most the ${granted} seconds of the token that it follows.`;
  throw orderInvalid([{ code: "longer_than_granted", at: "expiresInSeconds", message }]);
}

/** A successor that was revoked is the end of its line: whoever holds its predecessor gets no other. */
function assertGood(book: TokenBook, successor: string, now: number): void {
  const token = tokenOf(book, successor);
  if (token === null || !isLive(token, now)) throw lineEnded();
}

function assertUnhurried(book: TokenBook, id: string, now: number): void {
  if (lineOf(book, id).filter((token) => isLive(token, now)).length < LINE_TOKENS_MAX) return;
  throw new KeyturnError("api_tokens_full", `${id} has been rotated too often within its overlap.`, {
    fix: "Use the token that it has, and rotate again when those before it have ended.",
  });
}

function known(book: TokenBook, id: string): ApiToken {
  const token = tokenOf(book, id);
  if (token !== null) return token;
  throw unknown(id);
}

/** Only what has ended is forgotten. */
function knownOrForgotten(book: TokenBook, id: string): readonly ApiToken[] {
  if (lineOf(book, id).length === 0) throw unknown(id);
  const token = tokenOf(book, id);
  return token === null ? [] : [token];
}

function unknown(id: string): KeyturnError {
  // What does not look like an id may be a token, pasted in its place.
  const shown = /^t_[A-Za-z0-9_-]{16}$/.test(id) ? id : "that was given";
  return new KeyturnError("api_token_unknown", `There is no API token with the id ${shown}.`, {
    fix: "`keyturn api-token list` shows the ids, which begin with t_; those that ended may be forgotten.",
  });
}

function ended(token: ApiToken, now: number): KeyturnError {
  const how = phaseOf(token, now) === "revoked" ? "was revoked" : "has expired";
  return new KeyturnError(
    "api_token_ended",
    `${token.id} ${how} at ${endedAt(token, now)} (epoch seconds).`,
    {
      fix: "Have a new one issued.",
    },
  );
}

function lineEnded(): KeyturnError {
  return new KeyturnError("api_token_ended", "The successor of this API token was revoked or has expired.", {
    fix: "Have a new one issued.",
  });
}
