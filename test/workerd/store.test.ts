/** The store in a Durable Object's own SQLite: its contract, its alarm, and its ways to fail. */
import { runInDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { isKeyturnError, type KeyturnError } from "../../src/errors.ts";
import { type ObjectStoreOptions, objectStore } from "../../src/store/durable-object.ts";
import type { RingStore } from "../../src/store/store.ts";
import { storeContract } from "../../src/testing/store-contract.ts";
import { movedClock, newName, objectOf } from "./ring-object.ts";

let now: () => number;

beforeEach(() => {
  now = movedClock().now;
});

type Storage = ObjectStoreOptions["storage"] & {
  getAlarm(): Promise<number | null>;
  deleteAlarm(): Promise<void>;
};

/** In the storage of a new object, without an alarm. */
function inStorage(work: (storage: Storage, store: RingStore) => Promise<void>): Promise<void> {
  return runInDurableObject(objectOf(newName()), async (_, { storage }) => {
    await storage.deleteAlarm();
    await work(storage, objectStore({ storage, place: "ring", now, wakeAfterSeconds: 5 }));
    vi.restoreAllMocks();
  });
}

function failureOf(call: Promise<unknown>): Promise<KeyturnError | undefined> {
  return call.then(
    () => undefined,
    (error: unknown) => (isKeyturnError(error) ? error : undefined),
  );
}

describe("a document in a Durable Object", () => {
  for (const { name, run } of storeContract) {
    it(name, () =>
      inStorage((storage) => run({ open: async () => objectStore({ storage, place: "contract", now }) })),
    );
  }

  it("is dated by when it was taken", () =>
    inStorage(async (_, store) => {
      await store.replace("first", null);
      expect((await store.load())?.storedAt).toBe(now());
    }));

  it("does not touch the one beside it", () =>
    inStorage(async (storage, ring) => {
      const book = objectStore({ storage, place: "api-tokens", now });
      const first = await ring.replace("ring", null);
      expect(await book.load()).toBeNull();
      const other = await book.replace("book", null);
      expect((await failureOf(book.replace("lost", first)))?.code).toBe("conflict");
      expect(await ring.load()).toMatchObject({ document: "ring", revision: first });
      expect(await book.load()).toMatchObject({ document: "book", revision: other });
    }));
});

describe("a commit and its alarm", () => {
  it("are one: both are there", () =>
    inStorage(async (storage, store) => {
      await store.replace("first", null);
      expect(await storage.getAlarm()).toBe((now() + 5) * 1000);
    }));

  it("are one: a transaction that fails in the end leaves neither", () =>
    inStorage(async (storage, store) => {
      const transact = storage.transactionSync.bind(storage);
      vi.spyOn(storage, "transactionSync").mockImplementationOnce((work) =>
        transact(() => {
          work();
          throw new Error("the disk is gone");
        }),
      );
      const failure = await failureOf(store.replace("first", null));
      expect(failure).toMatchObject({ code: "store_unavailable", cause: new Error("the disk is gone") });
      expect([await store.load(), await storage.getAlarm()]).toEqual([null, null]);
      await store.replace("first", null);
    }));

  it("are one: what lost a race sets none", () =>
    inStorage(async (storage, store) => {
      expect((await failureOf(store.replace("late", "1.gone")))?.code).toBe("conflict");
      expect([await store.load(), await storage.getAlarm()]).toEqual([null, null]);
    }));

  it("need each other nowhere else: what is beside the ring wakes nobody", () =>
    inStorage(async (storage) => {
      await objectStore({ storage, place: "api-tokens", now }).replace("book", null);
      expect(await storage.getAlarm()).toBeNull();
    }));
});

describe("a storage that fails", () => {
  const failing = (storage: Storage, statement: string, message: string) => {
    const exec = storage.sql.exec.bind(storage.sql);
    vi.spyOn(storage.sql, "exec").mockImplementation((query, ...bindings) => {
      if (query.startsWith(statement)) throw new Error(message);
      return exec(query, ...bindings);
    });
  };

  it.each([
    ["without room", "INSERT", "database or disk is full: SQLITE_FULL", "store_full"],
    ["in a write", "INSERT", "disk I/O error: SQLITE_IOERR", "store_unavailable"],
    ["before anything is read", "CREATE", "disk I/O error: SQLITE_IOERR", "store_unavailable"],
    ["in the read before the write", "SELECT", "disk I/O error: SQLITE_IOERR", "store_unavailable"],
  ])("%s says so, and nothing was changed", (_, statement, message, code) =>
    inStorage(async (storage) => {
      const store = objectStore({ storage, place: "ring", now, wakeAfterSeconds: 5 });
      failing(storage, statement, message);
      expect(await failureOf(store.replace("first", null))).toMatchObject({
        code,
        cause: new Error(message),
      });
      vi.restoreAllMocks();
      expect([await store.load(), await storage.getAlarm()]).toEqual([null, null]);
      await store.replace("first", null);
    }),
  );

  it("in a read is no storage without a ring", () =>
    inStorage(async (storage, store) => {
      failing(storage, "SELECT", "disk I/O error: SQLITE_IOERR");
      expect((await failureOf(store.load()))?.code).toBe("store_unavailable");
    }));

  it.each(["sync", "setAlarm"] as const)("in %s leaves the commit in doubt, and a look tells of it", (call) =>
    inStorage(async (storage, store) => {
      vi.spyOn(storage, call).mockRejectedValueOnce(new Error("lost"));
      expect(await failureOf(store.replace("first", null))).toMatchObject({
        code: "commit_unknown",
        cause: new Error("lost"),
      });
      expect((await store.load())?.document).toBe("first");
    }),
  );

  it("with another thing in it than a document says so, and is not taken for empty", () =>
    inStorage(async (storage, store) => {
      await store.replace("first", null);
      const exec = storage.sql.exec.bind(storage.sql);
      vi.spyOn(storage.sql, "exec").mockImplementation((query, ...bindings) =>
        exec(query.replace("SELECT document", "SELECT 1 AS document"), ...bindings),
      );
      expect((await failureOf(store.load()))?.code).toBe("ring_corrupt");
    }));
});
