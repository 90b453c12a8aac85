/**
 * The book as this node read it last, by which every request is judged. It only ever moves forward:
 * an older book, which could raise a revoked token, is refused however it got into the store.
 */
import { ageAt, before, type Clock, type Reading, readingOf } from "../clock.ts";
import { isKeyturnError, KeyturnError } from "../errors.ts";
import type { Kek } from "../keys/kek.ts";
import type { RingStore, Stored } from "../store/store.ts";
import type { OnEvent } from "../telemetry/events.ts";
import type { ApiToken } from "./api-token.ts";
import { judgedAt, type KnownTime, knownBy } from "./book-time.ts";
import { type OpenedBook, openBook } from "./sealed-book.ts";

export interface Held {
  /** Null: the store has no book yet, and so there are no tokens. */
  readonly opened: OpenedBook | null;
  readonly revision: string | null;
  /** Both clocks from before the load began, so that its age is never understated. */
  readonly readAt: Reading;
  readonly byHash: ReadonlyMap<string, ApiToken>;
  readonly knownTime: KnownTime;
}

export interface BookHolder {
  /** As read last; null before the first time. */
  current(): Held | null;
  /** Seconds since it was read; never, before the first time. */
  ageSeconds(): number;
  /** The instant by which tokens are judged: never before what is known of the time. */
  judgedAt(reading: Reading): number;
  /** Loads the store's book and takes it up. @throws KeyturnError and what the store throws; told as an event too */
  reload(): Promise<Held>;
  /** Takes up a book that this node decided on at `decidedAt` and has now committed. */
  adopt(opened: OpenedBook, revision: string, decidedAt: Reading): Held;
}

export function bookHolder(options: {
  readonly store: RingStore;
  readonly keks: readonly Kek[];
  /** Id of the ring that the book stands beside. */
  readonly ring: string;
  readonly clock: Clock;
  readonly onEvent: OnEvent;
}): BookHolder {
  const { store, keks, ring, clock, onEvent } = options;
  let current: Held | null = null;
  let failing = false;

  async function reload(): Promise<Held> {
    const askedAt = readingOf(clock);
    const base = current;
    try {
      const stored = await loaded(store);
      const held = await taken(stored, before(askedAt, stored?.ageSeconds ?? 0), base);
      if (failing) onEvent({ type: "api_tokens_recovered" });
      failing = false;
      return held;
    } catch (error) {
      // Once for an outage, however many requests it meets.
      if (!failing) onEvent({ type: "api_tokens_failed", error });
      failing = true;
      throw error;
    }
  }

  async function taken(stored: Stored | null, readAt: Reading, base: Held | null): Promise<Held> {
    if (current !== null && stored !== null && stored.revision === current.revision)
      return renewed(current, readAt);
    const opened = stored === null ? null : await openBook(stored.document, keks, ring);
    assertForward(base?.opened ?? null, opened);
    // Another load or a commit may have taken up a newer book meanwhile.
    if (current !== null && generationOf(current.opened) > generationOf(opened)) return current;
    assertForward(current?.opened ?? null, opened);
    current = heldOf(opened, stored?.revision ?? null, readAt, current);
    return current;
  }

  function renewed(held: Held, readAt: Reading): Held {
    // A slow load may answer after a later one; one that lies ahead is none.
    const isAhead = !Number.isFinite(ageAt(held.readAt, readingOf(clock)));
    if (isAhead || readAt.monotonic > held.readAt.monotonic) current = { ...held, readAt };
    return current ?? held;
  }

  return {
    current: () => current,
    ageSeconds: () => (current === null ? Number.POSITIVE_INFINITY : ageAt(current.readAt, readingOf(clock))),
    judgedAt: (reading) => judgedAt(current?.knownTime ?? null, reading),
    reload,
    adopt(opened, revision, decidedAt) {
      const held = heldOf(opened, revision, decidedAt, current);
      if (generationOf(current?.opened ?? null) < generationOf(opened)) current = held;
      return held;
    },
  };
}

/** The store speaks of rings; what it keeps here is none. */
async function loaded(store: RingStore): Promise<Stored | null> {
  try {
    return await store.load();
  } catch (error) {
    if (!isKeyturnError(error, "ring_corrupt")) throw error;
    throw new KeyturnError("api_tokens_corrupt", error.message, { fix: error.fix, cause: error });
  }
}

function heldOf(
  opened: OpenedBook | null,
  revision: string | null,
  readAt: Reading,
  before: Held | null,
): Held {
  const tokens = opened?.book.tokens ?? [];
  const knownTime = knownBy(opened?.book ?? null, readAt, before?.knownTime);
  return { opened, revision, readAt, knownTime, byHash: new Map(tokens.map((token) => [token.hash, token])) };
}

function generationOf(opened: OpenedBook | null): number {
  return opened?.book.generation ?? 0;
}

function assertForward(seen: OpenedBook | null, read: OpenedBook | null): void {
  if (seen === null) return;
  if (read === null) throw rolledBack("the store no longer holds any");
  if (read.book.id !== seen.book.id) throw rolledBack("they are another deployment's");
  const { generation } = seen.book;
  if (read.book.generation < generation)
    throw rolledBack(`they are at generation ${read.book.generation}, where ${generation} was seen before`);
  if (read.book.generation === generation && read.mac !== seen.mac)
    throw rolledBack(`generation ${generation} differs from the one seen`);
}

function rolledBack(why: string): KeyturnError {
  return new KeyturnError(
    "api_tokens_rolled_back",
    `The stored API tokens are not those that this node has seen: ${why}.`,
    {
      fix:
        "A restored backup could raise revoked tokens. Put the newest copy back; only if it is lost for good, " +
        "restart the nodes, then issue and revoke anew.",
    },
  );
}
