/**
 * What time it is for API tokens. A clock that is set back would raise what has ended, and the book knows
 * better: it cannot have been changed in the future. A clock that is ahead where the book is changed would
 * end the tokens of all nodes, and a node that was running knows better: no more time can have passed than
 * its own clocks bear out. Pure.
 */
import type { Reading } from "../clock.ts";

/** By how much the clock of whoever changed the book may have been ahead of the right one. */
export const SKEW_SECONDS = 30;

/** What is known of the time by the book; null: nothing. */
export type KnownTime = {
  /** The date of the book. */
  readonly committedAt: number;
  /** What the right clock must at least have said when the monotonic clock began. */
  readonly atStart: number;
} | null;

/** The instant by which tokens are judged. */
export function judgedAt(known: KnownTime, { now, monotonic }: Reading): number {
  return known === null ? now : Math.max(now, Math.floor(known.atStart + monotonic));
}

/**
 * What a book that was read, or committed, tells of the time.
 *
 * @param before what was known until then; undefined for the first book that this process reads, which
 * nothing stands against
 */
export function knownBy(
  book: { readonly committedAt: number } | null,
  readAt: Reading,
  before: KnownTime | undefined,
): KnownTime {
  if (book === null) return null;
  const { committedAt } = book;
  const told = committedAt - SKEW_SECONDS;
  const believed = before === undefined ? told : Math.min(told, judgedAt(before, readAt));
  // A date that went back was given by a node that knew the one before to be wrong.
  const kept = before && before.committedAt <= committedAt ? before.atStart : Number.NEGATIVE_INFINITY;
  return { committedAt, atStart: Math.max(believed - readAt.monotonic, kept) };
}

/** The date of the next book. What is behind by no more than the skew takes nothing back. */
export function datedAt({ committedAt }: { readonly committedAt: number }, now: number): number {
  return Math.max(now, Math.min(committedAt, now + SKEW_SECONDS));
}
