/**
 * A place for a ring, and handles on it that go wrong on demand. The place itself is the real
 * memoryStore; a handle is what one node sees of it, so that each node can have faults of its own.
 */
import { KeyturnError } from "../../src/errors.ts";
import { conflict, memoryStore } from "../../src/store/memory.ts";
import type { RingStore, Stored } from "../../src/store/store.ts";

export interface Place extends RingStore {
  /** Every document ever committed, oldest first. */
  readonly history: readonly Stored[];
  newest(): Stored;
  /** Puts `document` there as a restored backup would, past all nodes. */
  restore(document: string): Promise<void>;
  /** The ring is gone; the place answers, and is empty. */
  lose(): void;
}

export function place(): Place {
  const history: Stored[] = [];
  let inner = memoryStore();
  let lost = 0;
  // An emptied memoryStore counts from 1 again, and no two commits may share a revision.
  const inPlace = (revision: string) => `${lost}.${revision}`;
  const inInner = (revision: string | null) =>
    revision === null
      ? null
      : revision.startsWith(`${lost}.`)
        ? revision.slice(`${lost}.`.length)
        : "elsewhere";

  const here: Place = {
    description: "memory",
    ephemeral: true,
    history,
    newest() {
      const newest = history.at(-1);
      if (newest === undefined) throw new Error("Nothing was committed yet.");
      return newest;
    },
    async load() {
      const stored = await inner.load();
      return stored && { ...stored, revision: inPlace(stored.revision) };
    },
    async replace(document, expected) {
      const revision = inPlace(await inner.replace(document, inInner(expected)));
      history.push({ document, revision });
      return revision;
    },
    async restore(document) {
      await inner.replace(document, (await inner.load())?.revision ?? null);
    },
    lose() {
      inner = memoryStore();
      lost += 1;
    },
  };
  return here;
}

/** How the next commits end, one after the other; after the last they succeed again. */
export type CommitFault = "conflict" | "unknown_committed" | "unknown_not_committed" | "unavailable";

/** An answer on its way: the store has done its part, the node has not heard of it yet. */
export interface Delayed {
  /** Resolves when the store has done its part. */
  readonly reached: Promise<void>;
  release(): void;
}

export interface FaultyStore extends RingStore {
  /** No call gets through. */
  down: boolean;
  /** The commits up to here are all that loads see, as on a replica that lags; null: all of them. */
  lagsAt: Stored | null;
  /** As `lagsAt`, for one load. */
  readonly staleReads: Stored[];
  readonly commitFaults: CommitFault[];
  /** What happens right after a commit that came to an unknown end, before the node reloads. */
  afterUnknown: () => void | Promise<void>;
  readonly calls: { load: number; replace: number };
  delayNextLoad(): Delayed;
  delayNextReplace(): Delayed;
}

export function faultyStore(there: RingStore): FaultyStore {
  const delays: { load: Gate[]; replace: Gate[] } = { load: [], replace: [] };

  const assertUp = () => {
    if (handle.down) throw unavailable();
  };

  async function replaceFaulty(document: string, expected: string | null): Promise<string> {
    const fault = handle.commitFaults.shift();
    if (fault === "conflict") throw conflict();
    if (fault === "unavailable") throw unavailable();
    if (fault === undefined) return there.replace(document, expected);
    if (fault === "unknown_committed") await there.replace(document, expected);
    await handle.afterUnknown();
    throw commitUnknown();
  }

  const handle: FaultyStore = {
    description: there.description,
    ...(there.ephemeral === undefined ? {} : { ephemeral: there.ephemeral }),
    down: false,
    lagsAt: null,
    staleReads: [],
    commitFaults: [],
    afterUnknown: () => {},
    calls: { load: 0, replace: 0 },
    delayNextLoad: () => gateIn(delays.load),
    delayNextReplace: () => gateIn(delays.replace),
    async load() {
      handle.calls.load += 1;
      assertUp();
      const gate = delays.load.shift();
      const stored = handle.staleReads.shift() ?? handle.lagsAt ?? (await there.load());
      await gate?.pass();
      return stored;
    },
    async replace(document, expected) {
      handle.calls.replace += 1;
      assertUp();
      const gate = delays.replace.shift();
      const outcome = await replaceFaulty(document, expected).then(
        (revision) => () => revision,
        (error: unknown) => () => {
          throw error;
        },
      );
      await gate?.pass();
      return outcome();
    },
  };
  return handle;
}

interface Gate extends Delayed {
  pass(): Promise<void>;
}

function gateIn(gates: Gate[]): Gate {
  let reach = () => {};
  let release = () => {};
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const gate: Gate = {
    reached,
    release: () => release(),
    pass() {
      reach();
      return released;
    },
  };
  gates.push(gate);
  return gate;
}

function unavailable(): KeyturnError {
  return new KeyturnError("store_unavailable", "The store is down.", { fix: "Wait." });
}

function commitUnknown(): KeyturnError {
  return new KeyturnError("commit_unknown", "The answer was lost.", { fix: "Reload and look." });
}
