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
  /** Puts `document` there as whoever restores a backup does, past all nodes. */
  restore(document: string): void;
  /** The ring is gone; the place answers, and is empty. */
  lose(): void;
}

let seriesMade = 0;

function nextSeries(): number {
  seriesMade += 1;
  return seriesMade;
}

export function place(): Place {
  const history: Stored[] = [];
  let inner = memoryStore();
  /** What was put there past the store, in place of what it has; any bytes at all. */
  let restored: Stored | null = null;
  // Every memoryStore counts from 1, and no two commits may share a revision.
  let series = `${nextSeries()}.`;

  async function innerRevision(expected: string | null): Promise<string | null> {
    if (restored !== null) {
      if (expected !== restored.revision) throw conflict();
      return (await inner.load())?.revision ?? null;
    }
    if (expected === null) return null;
    return expected.startsWith(series) ? expected.slice(series.length) : "elsewhere";
  }

  return {
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
      return restored ?? (stored && { ...stored, revision: series + stored.revision });
    },
    async replace(document, expected) {
      const revision = series + (await inner.replace(document, await innerRevision(expected)));
      restored = null;
      history.push({ document, revision });
      return revision;
    },
    restore(document) {
      restored = { document, revision: `${nextSeries()}.restored` };
    },
    lose() {
      inner = memoryStore();
      restored = null;
      series = `${nextSeries()}.`;
    },
  };
}

/** How the next commits end, one after the other; after the last they succeed again. */
export type CommitFault =
  | "conflict"
  | "unavailable"
  | "unknown_committed"
  | "unknown_not_committed"
  /** Is given up by the node while it is on its way, and arrives just before the node's next one. */
  | "unknown_late";

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
  /** What happens between this node's reading of the ring and its next commits, one after the other. */
  readonly beforeReplace: (() => unknown)[];
  /** What happens right after a commit that came to an unknown end, before the node reloads. */
  afterUnknown: () => unknown;
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
    if (fault === "unknown_late")
      handle.beforeReplace.push(() => there.replace(document, expected).catch(() => "refused"));
    await handle.afterUnknown();
    throw commitUnknown();
  }

  const handle: FaultyStore = {
    description: there.description,
    ...(there.ephemeral === undefined ? {} : { ephemeral: there.ephemeral }),
    ...(there.writesEverySeconds === undefined ? {} : { writesEverySeconds: there.writesEverySeconds }),
    down: false,
    lagsAt: null,
    staleReads: [],
    commitFaults: [],
    beforeReplace: [],
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
      await handle.beforeReplace.shift()?.();
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
