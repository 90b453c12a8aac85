/**
 * The retry loop of the book, as the ring has one: load, decide, replace if nobody came first; when
 * somebody did, everything is decided anew on what they left.
 */
import { type Clock, readingOf } from "../clock.ts";
import { isKeyturnError, KeyturnError } from "../errors.ts";
import type { Kek } from "../keys/kek.ts";
import type { RingStore } from "../store/store.ts";
import type { BookHolder } from "./held-book.ts";
import { type OpenedBook, sealBook } from "./sealed-book.ts";
import type { TokenBook } from "./token-book.ts";

/** Each lost attempt means that another node succeeded, so the fleet makes progress without any waiting. */
const ATTEMPTS_MAX = 20;

/**
 * The next book, or null to leave it as it is. Called again after every conflict, and after a commit
 * whose answer was lost: then what it decided on may be there already, and null says that it is.
 */
export type Decide = (base: TokenBook, kek: Kek, now: number) => Promise<TokenBook | null>;

export interface Committed {
  readonly book: TokenBook;
  /** False when there was nothing to do. */
  readonly changed: boolean;
}

/** @param kek authenticates the document; default: the KEK that it is under already. */
export type Commit = (decide: Decide, kek?: Kek) => Promise<Committed>;

export function committer(options: {
  readonly store: RingStore;
  /** What a first book is under. */
  readonly kek: Kek;
  readonly clock: Clock;
  readonly holder: BookHolder;
  /** What is decided on where none is stored. */
  readonly empty: TokenBook;
}): Commit {
  const { store, clock, holder } = options;
  let queue: Promise<unknown> = Promise.resolve();

  async function retrying(decide: Decide, wanted?: Kek): Promise<Committed> {
    let answerLost = false;
    const orUnknown = (error: unknown): never => {
      throw answerLost ? unknown(error) : error;
    };
    for (let attempts = 0; attempts < ATTEMPTS_MAX; attempts++) {
      const { opened, revision } = await holder.reload().catch(orUnknown);
      const decidedAt = readingOf(clock);
      const base = opened?.book ?? options.empty;
      const kek = wanted ?? opened?.kek ?? options.kek;

      const next = await decide(base, kek, holder.judgedAt(decidedAt));
      if (next === null) return { book: base, changed: answerLost };

      const stored = { ...next, generation: base.generation + 1 };
      const { document, ...sealed } = await sealBook(stored, kek);
      const outcome = await replaced(store, document, revision).catch(orUnknown);
      if (outcome === "unknown") answerLost = true;
      else if (outcome !== "conflict") return adopted(sealed, outcome.revision, decidedAt);
    }
    if (answerLost) throw unknown();
    throw new KeyturnError("conflict", `Other nodes committed first, ${ATTEMPTS_MAX} times in a row.`, {
      fix: "Try again. If this lasts, something changes the API tokens without end.",
    });
  }

  function adopted(sealed: OpenedBook, revision: string, decidedAt: ReturnType<typeof readingOf>): Committed {
    holder.adopt(sealed, revision, decidedAt);
    return { book: sealed.book, changed: true };
  }

  /** One commit at a time per node: a node does not race itself. */
  return (decide, kek) => {
    const turn = queue.then(() => retrying(decide, kek));
    queue = turn.catch(() => undefined);
    return turn;
  };
}

async function replaced(
  store: RingStore,
  document: string,
  expected: string | null,
): Promise<{ readonly revision: string } | "conflict" | "unknown"> {
  try {
    return { revision: await store.replace(document, expected) };
  } catch (error) {
    if (isKeyturnError(error, "commit_unknown")) return "unknown";
    if (isKeyturnError(error, "conflict")) return "conflict";
    throw error;
  }
}

function unknown(cause?: unknown): KeyturnError {
  return new KeyturnError(
    "commit_unknown",
    "The change to the API tokens may or may not have happened; the store cannot tell now.",
    {
      fix:
        "When the store answers again, `keyturn api-token list` shows which. If a token was issued, revoke it: " +
        "nobody knows its value. Then repeat the command.",
      cause,
    },
  );
}
