/** The memory and the file store, held against the model, one command after the other and all at once. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { fileStore } from "../../src/store/file.ts";
import { type FileIo, nodeFileIo } from "../../src/store/file-access.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { RingStore } from "../../src/store/store.ts";
import { type Extent, searched } from "../fuzz/search.ts";
import type { Row } from "../proof/section.ts";
import { newPace, type Pace, sleepsBefore } from "./pace.ts";
import { storeCommands } from "./store-model.ts";
import { assertOneOrder, HANDLES, raceCommands, type StoreRace } from "./store-races.ts";

/** Handles on a place of its own, where each call waits for its turn if there are turns. */
type Open = (pace?: Pace) => RingStore;
type Places = readonly [what: string, newPlace: (folder: string) => Open];

const PLACES: readonly Places[] = [
  [
    "memory",
    () => {
      const there = memoryStore();
      return (pace) => (pace === undefined ? there : inTurns(there, pace));
    },
  ],
  [
    "file",
    (folder) => {
      const ring = join(folder, "ring");
      return (pace) => fileStore(ring, pace === undefined ? nodeFileIo : ioInTurns(pace));
    },
  ],
];

export async function storeRows(extent: Extent): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [what, newPlace] of PLACES) {
    const alone = fc.asyncProperty(fc.commands(storeCommands, { maxCommands: 30, size: "max" }), (commands) =>
      inFolder(async (folder) => {
        const open = newPlace(folder);
        await fc.asyncModelRun(() => ({ model: [], real: { handles: [open()], open } }), commands);
      }),
    );
    rows.push(await searched(`commands to the ${what} store, against the model`, alone, extent));
    rows.push(await raceRow(what, newPlace, extent));
  }
  return rows;
}

async function raceRow(what: string, newPlace: Places[1], extent: Extent): Promise<Row> {
  const counted = { commits: 0, conflicts: 0 };
  const pace = newPace();
  const property = fc.asyncProperty(
    fc.scheduler({ act: pace.act }),
    fc.commands(raceCommands, { maxCommands: 24, size: "max" }),
    sleepsBefore("link", "replace"),
    (scheduler, commands, sleep) =>
      inFolder(async (folder) => {
        const open = newPlace(folder);
        pace.start(scheduler, sleep);
        const race: StoreRace = {
          handles: Array.from({ length: HANDLES }, () => open(pace)),
          deeds: [],
          underWay: [],
          bases: [],
          asked: 0,
          pace,
        };
        await fc.scheduledModelRun(scheduler, () => ({ model: {}, real: race }), commands);
        await scheduler.waitFor(Promise.all(race.underWay));
        assertOneOrder(race.deeds, await open().load());
        for (const deed of race.deeds)
          if (deed.did === "commit") counted[deed.revision === null ? "conflicts" : "commits"] += 1;
      }),
  );
  const told = () => `${counted.commits} commits, ${counted.conflicts} conflicts`;
  return searched(`${HANDLES} handles of the ${what} store at once`, property, extent, told);
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "keyturn-model-"));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Each call waits for its turn, and so does each answer. */
function inTurns(there: RingStore, pace: Pace): RingStore {
  return {
    description: there.description,
    async load() {
      await pace.turn("load");
      const stored = await there.load();
      await pace.turn("loaded");
      return stored;
    },
    async replace(document, expected) {
      await pace.turn("replace");
      const revision = await there.replace(document, expected);
      await pace.turn("replaced");
      return revision;
    },
  };
}

/** Every call to the file system waits for its turn. */
function ioInTurns(pace: Pace): FileIo {
  const inTurn = async <T>(label: string, call: () => Promise<T>): Promise<T> => {
    await pace.turn(label);
    return call();
  };
  return {
    open: (path, flags, mode) => inTurn("open", () => nodeFileIo.open(path, flags, mode)),
    link: (from, to) => inTurn("link", () => nodeFileIo.link(from, to)),
    unlink: (path) => inTurn("unlink", () => nodeFileIo.unlink(path)),
    readdir: (path) => inTurn("readdir", () => nodeFileIo.readdir(path)),
    mkdir: (path, options) => inTurn("mkdir", () => nodeFileIo.mkdir(path, options)),
  };
}
