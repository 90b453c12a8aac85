/**
 * The opaque API tokens that guard a key manager, and that turn over as its keys do: a successor is
 * good before its predecessor goes. They are kept in a book of their own through the same store
 * contract as the ring; of a token's value only SHA-256 is kept, and it is told once.
 */
import { type Clock, readingOf, secondsSince, systemClock } from "../clock.ts";
import type { Kek } from "../keys/kek.ts";
import { randomApiTokenBytes, randomApiTokenId, randomTokenBookId } from "../keys/random.ts";
import { printable } from "../ring/printable.ts";
import type { RingStore } from "../store/store.ts";
import type { KeyturnEvent, OnEvent } from "../telemetry/events.ts";
import { type ApiToken, type ApiTokenView, isLive, viewOf } from "./api-token.ts";
import type { Authenticate } from "./caller.ts";
import { committer } from "./commit.ts";
import { paceOf } from "./few-commits.ts";
import { followsBook } from "./follows.ts";
import { bookHolder } from "./held-book.ts";
import { lastUses, type TokenUse } from "./last-uses.ts";
import { parseRotationOrder, parseTokenOrder, type RotationOrder, type TokenOrder } from "./order.ts";
import { type Pause, paced } from "./paced.ts";
import { recognition } from "./recognition.ts";
import { knownSuccessorText, successorText } from "./successor-text.ts";
import {
  emptyBook,
  idInLine,
  issue,
  laterUse,
  lineOf,
  revoke,
  rotate,
  type TokenBook,
  tokenOf,
  touched,
} from "./token-book.ts";
import { hashOf, tokenText } from "./token-text.ts";

export type { TokenUse };

export interface ApiTokensOptions {
  /** Where the book is kept: a place of its own, not the ring's. */
  readonly store: RingStore;
  /** Id of the ring that they guard (`manager.ring().id`). The book of another ring is refused, also under the same KEK. */
  readonly ring: string;
  /** The KEKs in use, the preferred one first. */
  readonly keks: readonly [Kek, ...Kek[]];
  /** Default: the machine's clocks. */
  readonly clock?: Clock;
  /**
   * How old the copy in memory may be and still decide on a request. By then a revocation is known to
   * every node, or the node answers nobody. Default 120 (2 minutes), the lease of the default policy.
   */
  readonly leaseSeconds?: number;
  /**
   * Whether to fail where the book cannot be read at first. False: it is tried again whenever it is
   * needed, and until then whoever calls is told why. Default true.
   */
  readonly mustRead?: boolean;
  /** Told of every change made here and of trouble with the store. Default: nobody. */
  readonly onEvent?: OnEvent;
  /** How to let time pass. Default: a timer. */
  readonly pause?: Pause;
}

export interface Issued {
  /** The value, which is not kept and cannot be told again. */
  readonly token: string;
  readonly view: ApiTokenView;
}

export interface Rotated {
  /** The successor's value; null when it was given out under a KEK that is not configured any more. */
  readonly token: string | null;
  /** Of the successor. */
  readonly view: ApiTokenView;
  /** Until when the predecessor is good beside it. */
  readonly overlapUntil: number;
  /** False when it had this successor already. */
  readonly changed: boolean;
}

export interface RevokeOrder {
  /** 1 to 500 printable characters. */
  readonly reason: string;
  /** Who revokes. */
  readonly by: string;
  /** Whether those that it came from and those that follow it go too. Default false. */
  readonly line?: boolean | undefined;
}

export interface Revoked {
  /** False when it had ended already. */
  readonly changed: boolean;
  /** Ids of tokens of the same line that are still good. Whoever had one could ask for the next. */
  readonly stillGood: readonly string[];
}

export interface ApiTokensStatus {
  /** How long ago the book was read; where it never could be, how long ago that was first tried. */
  readonly ageSeconds: number;
  /** False while the book is older than the lease, or was never read: then nobody can be told from anybody. */
  readonly canAuthenticate: boolean;
}

export interface ApiTokens {
  /**
   * Answers from memory. What is not there is looked for in the store, at most once a second; what is
   * no token by its form is refused without. @throws KeyturnError `store_unavailable` and the like
   * when an unknown token cannot be looked for, or when the copy in memory is older than the lease.
   */
  readonly authenticate: Authenticate;
  /**
   * Answers from memory alone, and never looks in the store: for a copy that can send whom it does not know
   * to one that decides. Null when the token is not there, has ended, or the copy is older than the lease.
   */
  readonly recognize: Authenticate;
  /** Reads the book again. A node calls it every `refreshSeconds`. Failures are told as events. */
  refresh(): Promise<void>;
  /** How fresh the copy in memory is, by which callers are known. */
  status(): ApiTokensStatus;
  /** All that are known, those that ended included while there is room, with when this node saw them last. */
  list(): readonly ApiTokenView[];
  /** @throws KeyturnError `api_token_order_invalid`, `api_tokens_full`, `conflict`, `commit_unknown` and what the store throws */
  issue(order: TokenOrder & { readonly by: string }): Promise<Issued>;
  /**
   * Gives a token its successor, with its name, role and scope. Within the overlap, repeated calls on
   * any node answer with the same value.
   *
   * @throws KeyturnError `api_token_unknown`, `api_token_ended`, and as `issue`
   */
  rotate(id: string, order: RotationOrder & { readonly by: string }): Promise<Rotated>;
  /** @throws KeyturnError `api_token_unknown`, `reason_invalid`, and as `issue` */
  revoke(id: string, order: RevokeOrder): Promise<Revoked>;
  /** Moves the book to the preferred KEK. Successors given out before are not told again once the old KEK is gone. */
  rewrap(): Promise<{ readonly changed: boolean }>;
  /**
   * Writes down last uses, in one commit at most; on a store that bears few, not within an hour of any other
   * commit to the book. A node calls it each minute. Failures are told as events.
   */
  flush(): Promise<void>;
  /**
   * Takes out the last use of each token that was noted here since the last call. For copies that may not write:
   * whoever takes them out hands them to `seen` of one that may, or back to this one.
   */
  uses(): readonly TokenUse[];
  /**
   * Takes up last uses that another copy noted. The later instant counts, one in the future as now; what cannot
   * be, like a use of an unknown token, is left out.
   */
  seen(uses: readonly TokenUse[]): void;
}

const LEASE_SECONDS_DEFAULT = 120;

/** Anybody can send what looks like a token, and each look is a read of the store. */
const LOOK_EVERY_SECONDS = 1;

/**
 * Opens the API tokens. A store without any is no error: the first `issue` makes the book.
 *
 * @throws KeyturnError `api_tokens_corrupt`, `api_tokens_tampered`, `kek_mismatch`, and what the store throws
 */
export async function createApiTokens(options: ApiTokensOptions): Promise<ApiTokens> {
  const { store, keks, clock = systemClock, onEvent = () => {}, pause = timer } = options;
  const { ring, leaseSeconds = LEASE_SECONDS_DEFAULT, mustRead = true } = options;
  const [kek] = keks;
  store.judgeBy?.(followsBook(keks, ring));
  const holder = bookHolder({ store, keks, ring, clock, onEvent });
  const commit = committer({ store, kek, clock, holder, empty: emptyBook(randomTokenBookId(), ring) });
  const look = paced(() => holder.reload(), LOOK_EVERY_SECONDS, clock, pause);
  const used = lastUses();
  const usedAt = used.at;
  const openedAt = readingOf(clock);
  const now = () => holder.judgedAt(readingOf(clock));
  const { isWithinLease, ...callers } = recognition({ holder, leaseSeconds, look, used, now });
  const firstRead = holder.reload();
  const pace = paceOf(store.writesEverySeconds);
  await (mustRead ? firstRead : firstRead.catch(nothing));

  function shown(token: ApiToken): ApiTokenView {
    return viewOf({ ...token, lastUsedAt: laterUse(token, usedAt) }, now());
  }

  function tell(
    event: Change["event"],
    { id, name, role, successor }: ApiToken,
    by: string,
    reason?: string,
  ) {
    onEvent({ type: "api_token_changed", event, id, name, role, successor, by, reason: reason ?? null });
  }

  return {
    ...callers,
    refresh: () => holder.reload().then(nothing, nothing),
    status: () => ({
      ageSeconds: holder.current() === null ? secondsSince(openedAt, readingOf(clock)) : holder.ageSeconds(),
      canAuthenticate: isWithinLease(),
    }),
    list: () => (holder.current()?.opened?.book.tokens ?? []).map(shown),
    async issue({ by, ...wanted }) {
      const actor = printable("An actor", by);
      const order = parseTokenOrder(wanted);
      pace.assertLifetime(order.expiresInSeconds);
      const token = await tokenText(randomApiTokenBytes());
      const value = { id: randomApiTokenId(), hash: await hashOf(token) };
      const { book } = await commit(async (base, _, decidedAt) =>
        tokenOf(base, value.id) === null ? issue(pace.along(base, usedAt), value, order, decidedAt) : null,
      );
      const made = entryOf(book, value.id);
      tell("issued", made, actor);
      return { token, view: shown(made) };
    },
    async rotate(id, { by, ...wanted }) {
      const actor = printable("An actor", by);
      const order = parseRotationOrder(wanted);
      const newId = randomApiTokenId();
      const { book, changed } = await commit(async (base, under, decidedAt) => {
        const from = tokenOf(base, id);
        pace.assertRotatable(from, decidedAt);
        const toId = idInLine(from?.line ?? id, newId);
        const text = from === null ? "" : await successorText(under, base.id, from, toId);
        return rotate(pace.along(base, usedAt), id, { id: toId, hash: await hashOf(text) }, order, decidedAt);
      });
      const from = entryOf(book, id);
      const successor = entryOf(book, from.successor ?? "");
      const own = changed && successor.id === idInLine(from.line, newId);
      if (own) tell("rotated", from, actor);
      const token = await knownSuccessorText(keks, book.id, from, successor);
      return { token, view: shown(successor), overlapUntil: from.overlapUntil ?? now(), changed: own };
    },
    async revoke(id, { reason, by, line = false }) {
      const actor = printable("An actor", by);
      const because = printable("A reason", reason.trim());
      let live: readonly ApiToken[] = [];
      const { book, changed } = await commit(async (base, _, decidedAt) => {
        const ids = line ? [id, ...lineOf(base, id).map((token) => token.id)] : [id];
        const next = revoke(pace.along(base, usedAt), ids, because, decidedAt);
        if (next !== null)
          live = base.tokens.filter((token) => ids.includes(token.id) && isLive(token, decidedAt));
        return next;
      });
      if (changed) for (const token of live) tell("revoked", token, actor, because);
      const others = lineOf(book, id).filter((token) => token.id !== id && isLive(token, now()));
      return { changed, stillGood: others.map((token) => token.id) };
    },
    async rewrap() {
      // Where there is no book, there is nothing to move.
      const isUnder = () => (holder.current()?.opened?.kek ?? kek).id === kek.id;
      const { changed } = await commit(async (base) => (isUnder() ? null : base), kek);
      return { changed };
    },
    flush: () =>
      commit(async (base, _, decidedAt) => touched(base, usedAt, decidedAt - pace.restSeconds)).then(
        ({ book }) => used.keepOnly(book),
        failedToWrite,
      ),
    uses: () => used.take(),
    seen(uses) {
      const book = holder.current()?.opened?.book;
      if (book !== undefined) used.takeUp(uses, book, now());
    },
  };

  function failedToWrite(error: unknown): void {
    onEvent({ type: "api_tokens_failed", error });
  }
}

type Change = Extract<KeyturnEvent, { type: "api_token_changed" }>;

/** An entry that a commit has just made or found. */
function entryOf(book: TokenBook, id: string): ApiToken {
  return tokenOf(book, id) as ApiToken;
}

function nothing(): void {}

function timer(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
