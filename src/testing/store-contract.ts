/**
 * What every RingStore must do, as cases that any test runner can run, also inside a Worker. A
 * store that passes them all can carry a ring: they are where a lost update, an invented commit
 * and a document changed in passing would show. Each case wants a place of its own, empty at first.
 *
 *     for (const { name, run } of storeContract) it(name, () => run({ open: async () => myStore(place) }));
 */
import { type ErrorCode, isKeyturnError } from "../errors.ts";
import { DOCUMENT_BYTES_MAX, type RingStore, type Stored } from "../store/store.ts";

/** The place under test. */
export interface StoreBench {
  /** A handle on the same place, initially empty. Called again it stands for a second process. */
  open(): Promise<RingStore>;
}

export interface StoreCase {
  /** A sentence about the store: `loads null while there is no ring`. */
  readonly name: string;
  /** Resolves when the store does so; rejects with an Error that says what it did instead. */
  run(bench: StoreBench): Promise<void>;
}

export const storeContract: readonly StoreCase[] = [
  {
    name: "loads null while there is no ring",
    async run(bench) {
      const store = await bench.open();
      expect((await store.load()) === null, "load of an empty store was not null.");
      expect((await store.load()) === null, "load of an empty store made a ring.");
    },
  },
  {
    name: "commits the first document and loads it",
    async run(bench) {
      const store = await bench.open();
      const revision = await store.replace("first", null);
      expectStored(await store.load(), { document: "first", revision });
    },
  },
  {
    name: "refuses a first document when there is a ring",
    async run(bench) {
      const store = await bench.open();
      const revision = await store.replace("first", null);
      await expectCode("conflict", store.replace("another first", null));
      expectStored(await store.load(), { document: "first", revision });
    },
  },
  {
    name: "refuses any revision while there is no ring",
    async run(bench) {
      const elsewhere = "1.not-a-revision";
      const store = await bench.open();
      await expectCode("conflict", store.replace("second", elsewhere));
      expect((await store.load()) === null, "a refused commit left a ring.");
    },
  },
  {
    name: "replaces the document of the revision it is given",
    async run(bench) {
      const store = await bench.open();
      const first = await store.replace("first", null);
      const second = await store.replace("second", first);
      const third = await store.replace("third", second);
      expectStored(await store.load(), { document: "third", revision: third });
    },
  },
  {
    name: "refuses a revision that is no longer the newest, and leaves nothing of it behind",
    async run(bench) {
      const store = await bench.open();
      const first = await store.replace("first", null);
      const second = await store.replace("second", first);
      await expectCode("conflict", store.replace("late", first));
      expectStored(await store.load(), { document: "second", revision: second });
      const third = await store.replace("third", second);
      expectStored(await store.load(), { document: "third", revision: third });
    },
  },
  {
    name: "shows a commit to every other handle at once",
    async run(bench) {
      const [writer, reader] = [await bench.open(), await bench.open()];
      let revision: string | null = null;
      for (const document of ["first", "second", "third"]) {
        revision = await writer.replace(document, revision);
        expectStored(await reader.load(), { document, revision });
      }
    },
  },
  {
    name: "takes through one handle the revision that another loaded",
    async run(bench) {
      const [one, other] = [await bench.open(), await bench.open()];
      await one.replace("first", null);
      const revision = await one.replace("second", await revisionIn(other));
      expectStored(await other.load(), { document: "second", revision });
    },
  },
  {
    name: "returns a document to the byte",
    async run(bench) {
      const store = await bench.open();
      let revision: string | null = null;
      for (const document of AWKWARD_DOCUMENTS) {
        revision = await store.replace(document, revision);
        expectStored(await store.load(), { document, revision });
      }
    },
  },
  {
    name: "gives every commit a revision of its own, also when the document is the same",
    async run(bench) {
      const store = await bench.open();
      const first = await store.replace("A", null);
      const second = await store.replace("B", first);
      const third = await store.replace("A", second);
      const fourth = await store.replace("A", third);
      const revisions = new Set([first, second, third, fourth]);
      expect(revisions.size === 4, `four commits had ${revisions.size} revisions.`);
      await expectCode("conflict", store.replace("late", first));
      await expectCode("conflict", store.replace("late", third));
    },
  },
  {
    name: "changes nothing by loading",
    async run(bench) {
      const store = await bench.open();
      const revision = await store.replace("first", null);
      for (let again = 0; again < 3; again++)
        expectStored(await store.load(), { document: "first", revision });
      await store.replace("second", revision);
    },
  },
  {
    name: "refuses the outer of two nested updates",
    async run(bench) {
      const [outer, inner] = [await bench.open(), await bench.open()];
      await outer.replace("first", null);
      const loadedByOuter = await revisionIn(outer);
      const revision = await inner.replace("inner", await revisionIn(inner));
      await expectCode("conflict", outer.replace("outer", loadedByOuter));
      expectStored(await outer.load(), { document: "inner", revision });
    },
  },
  {
    name: "lets exactly one of 16 first commits at once win",
    async run(bench) {
      const stores = await Promise.all(Array.from({ length: 16 }, () => bench.open()));
      await raceOnce(stores, null, "first");
    },
  },
  {
    name: "lets exactly one of two handles win each of 25 rounds",
    async run(bench) {
      const stores = [await bench.open(), await bench.open()];
      let revision: string | null = null;
      for (let round = 1; round <= 25; round++) revision = await raceOnce(stores, revision, `round ${round}`);
    },
  },
  {
    name: "lets exactly one of 16 commits at once through one handle win",
    async run(bench) {
      const store = await bench.open();
      const revision = await store.replace("first", null);
      await raceOnce(
        Array.from({ length: 16 }, () => store),
        revision,
        "second",
      );
    },
  },
  {
    name: "refuses an empty document and keeps the ring",
    async run(bench) {
      const store = await bench.open();
      await expectCode("internal", store.replace("", null));
      expect((await store.load()) === null, "an empty document became a ring.");
      const revision = await store.replace("first", null);
      await expectCode("internal", store.replace("", revision));
      expectStored(await store.load(), { document: "first", revision });
    },
  },
  {
    name: "refuses a document with half a surrogate pair, which it could not return",
    async run(bench) {
      const store = await bench.open();
      const revision = await store.replace("first", null);
      await expectCode("internal", store.replace("half \ud83d", revision));
      expectStored(await store.load(), { document: "first", revision });
    },
  },
  {
    name: "takes a document as large as the limit",
    async run(bench) {
      const store = await bench.open();
      const document = "x".repeat(DOCUMENT_BYTES_MAX);
      const revision = await store.replace(document, null);
      expectStored(await store.load(), { document, revision });
    },
  },
  {
    name: "refuses a document over the limit, which counts bytes, and keeps the ring",
    async run(bench) {
      const store = await bench.open();
      const revision = await store.replace("first", null);
      const characters = DOCUMENT_BYTES_MAX / 2;
      await expectCode("store_full", store.replace("x".repeat(DOCUMENT_BYTES_MAX + 1), revision));
      await expectCode("store_full", store.replace(`x${"é".repeat(characters)}`, revision));
      expectStored(await store.load(), { document: "first", revision });
    },
  },
];

const AWKWARD_DOCUMENTS: readonly string[] = [
  '{"no":"newline at the end"}',
  '{"a":"newline at the end"}\n',
  "\r\n\ttabs and both newlines\r\n",
  " ",
  "ä, e\u0301 and \u00e9 are not normalised, 🔑 is four bytes",
  "\ufeffa byte order mark",
  "a zero\u0000byte, \u2028 and \u2029",
  '"quoted" and \\u0041 escaped',
];

/** Every handle commits at once on `expected`. Returns the one winner's revision. */
async function raceOnce(
  stores: readonly RingStore[],
  expected: string | null,
  label: string,
): Promise<string> {
  const attempts = stores.map((store, index) => ({ store, document: `${label}, commit ${index}` }));
  const outcomes = await Promise.allSettled(
    attempts.map(async ({ store, document }) => ({
      document,
      revision: await store.replace(document, expected),
    })),
  );

  const winners = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  const failed = outcomes.flatMap((outcome) =>
    outcome.status === "rejected" ? [outcome.reason as unknown] : [],
  );
  for (const error of failed) {
    expect(
      isKeyturnError(error, "conflict"),
      `${label}: a loser was told ${described(error)}, not conflict.`,
    );
  }
  const [winner] = winners;
  expect(
    winner !== undefined && winners.length === 1,
    `${label}: ${winners.length} of ${stores.length} won, not 1.`,
  );
  for (const store of stores) expectStored(await store.load(), winner);
  return winner.revision;
}

async function revisionIn(store: RingStore): Promise<string> {
  const stored = await store.load();
  expect(stored !== null, "load was null after a commit.");
  return stored.revision;
}

async function expectCode(code: ErrorCode, commit: Promise<string>): Promise<void> {
  const outcome = await commit.then(
    (revision) => ({ revision }),
    (error: unknown) => ({ error }),
  );
  if ("revision" in outcome)
    throw new Error(`A commit to be refused with ${code} returned ${outcome.revision}.`);
  expect(
    isKeyturnError(outcome.error, code),
    `expected ${code}, but the store threw ${described(outcome.error)}.`,
  );
}

function expectStored(stored: Stored | null, wanted: Stored): void {
  expect(stored !== null, `load was null, not ${shown(wanted.document)}.`);
  const found = `${shown(stored.document)}, not ${shown(wanted.document)}`;
  expect(stored.document === wanted.document, `load returned ${found}.`);
  expect(stored.revision === wanted.revision, "load gave another revision than the commit did.");
}

function expect(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(`${otherwise.charAt(0).toUpperCase()}${otherwise.slice(1)}`);
}

/** A document in an error message: whole when short. */
function shown(document: string): string {
  return JSON.stringify(document.length <= 80 ? document : `${document.slice(0, 77)}...`);
}

function described(error: unknown): string {
  return isKeyturnError(error) ? error.code : String(error);
}
