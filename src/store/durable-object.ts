/**
 * Documents in a Durable Object's own SQLite. One transaction judges the revision, writes the document and
 * sets the alarm, so that neither a lost commit nor a commit without an alarm can be found afterwards.
 *
 * The platform runs one instance of an object and may replace it by another at any moment; the storage lets
 * only the newest through. So whoever decides by a document loads it first, however well it is remembered.
 */
import { isKeyturnError, KeyturnError } from "../errors.ts";
import { assertStorable } from "./document-limits.ts";
import { conflict } from "./memory.ts";
import type { RingStore, Stored } from "./store.ts";

/** What of an object's storage is used. */
export interface ObjectStorage {
  readonly sql: {
    exec(query: string, ...bindings: readonly (string | number | null)[]): { toArray(): SqlRow[] };
  };
  transactionSync<T>(work: () => T): T;
  setAlarm(milliseconds: number): Promise<void>;
  /** Resolves when everything written is on disk. */
  sync(): Promise<void>;
}

type SqlRow = Record<string, unknown>;

export interface ObjectStoreOptions {
  readonly storage: ObjectStorage;
  /** Which of the object's documents, e.g. `ring`. */
  readonly place: string;
  /** Wall time in epoch seconds: when the document was taken, and what the alarm is set by. */
  readonly now: () => number;
  /** So many seconds after a commit the object is woken. Default: a commit wakes nobody. */
  readonly wakeAfterSeconds?: number;
}

export function objectStore({ storage, place, now, wakeAfterSeconds }: ObjectStoreOptions): RingStore {
  const description = `the Durable Object's storage (${place})`;
  const { sql } = storage;
  let isPrepared = false;

  /** Outside of any transaction: what one undoes would be remembered as done. */
  function prepare(): void {
    if (!isPrepared) sql.exec(TABLE);
    isPrepared = true;
  }

  function held(): Stored | null {
    const [row] = sql.exec(READ, place).toArray();
    return row === undefined ? null : storedIn(row, description);
  }

  /** What is still to be waited for. */
  function commit(document: string, revision: string, expected: string | null): Promise<void>[] {
    if ((held()?.revision ?? null) !== expected) throw conflict();
    sql.exec(WRITE, place, document, revision, now());
    return wakeAfterSeconds === undefined ? [] : [storage.setAlarm((now() + wakeAfterSeconds) * 1000)];
  }

  function committed(document: string, revision: string, expected: string | null): Promise<void>[] {
    try {
      prepare();
      return storage.transactionSync(() => commit(document, revision, expected));
    } catch (error) {
      // What a transaction throws has undone it.
      throw storageRefusal(error, description);
    }
  }

  return {
    description,
    async load() {
      try {
        prepare();
        return held();
      } catch (error) {
        throw storageRefusal(error, description);
      }
    },
    async replace(document, expected) {
      assertStorable(document);
      const revision = crypto.randomUUID();
      const alarm = committed(document, revision, expected);
      await Promise.all([...alarm, storage.sync()]).catch((cause: unknown) => {
        throw inDoubt(description, cause);
      });
      return revision;
    },
  };
}

const TABLE =
  "CREATE TABLE IF NOT EXISTS documents " +
  "(place TEXT PRIMARY KEY, document TEXT NOT NULL, revision TEXT NOT NULL, stored_at INTEGER NOT NULL) STRICT";
const READ = "SELECT document, revision, stored_at FROM documents WHERE place = ?";
const WRITE =
  "INSERT INTO documents (place, document, revision, stored_at) VALUES (?, ?, ?, ?) ON CONFLICT (place) " +
  "DO UPDATE SET document = excluded.document, revision = excluded.revision, stored_at = excluded.stored_at";

function storedIn({ document, revision, stored_at: storedAt }: SqlRow, description: string): Stored {
  if (typeof document === "string" && typeof revision === "string" && typeof storedAt === "number")
    return { document, revision, storedAt };
  throw new KeyturnError("ring_corrupt", `${description} holds something else than a document.`, {
    fix: "Restore the object to a point in time before it was changed by hand.",
  });
}

/** SQLite's own code for a storage without room (https://sqlite.org/rescode.html#full). */
const FULL = /SQLITE_FULL/;

/** What an object's storage throws, in words of keyturn's. */
export function storageRefusal(error: unknown, description: string): KeyturnError {
  if (isKeyturnError(error)) return error;
  if (error instanceof Error && FULL.test(error.message))
    return new KeyturnError("store_full", `${description} has no room left.`, {
      fix: "The account's storage is used up; nothing was changed.",
      cause: error,
    });
  return new KeyturnError("store_unavailable", `${description} did not do what it was asked.`, {
    fix: "Nothing was changed. The object starts anew by itself; ask again.",
    cause: error,
  });
}

function inDoubt(description: string, cause: unknown): KeyturnError {
  return new KeyturnError("commit_unknown", `${description} did not say whether the commit is on disk.`, {
    fix: "Read it again before deciding anything.",
    cause,
  });
}
