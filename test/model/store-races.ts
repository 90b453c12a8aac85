/**
 * Several handles on one place at once. For the file store a scheduler decides the order of the single
 * calls to the file system, across all handles: a reading in the middle of another's commit, a writer
 * that sleeps through its rival's whole commit and the tidying after it.
 */
import fc from "fast-check";
import { isKeyturnError } from "../../src/errors.ts";
import type { RingStore, Stored } from "../../src/store/store.ts";
import type { Pace } from "./pace.ts";

export interface StoreRace {
  readonly handles: readonly RingStore[];
  /** What was asked and answered, in the order of the answers. */
  readonly deeds: Deed[];
  readonly underWay: Promise<unknown>[];
  /** What each handle has loaded or committed last: what its next commit is based on. */
  readonly bases: (string | null)[];
  asked: number;
  readonly pace: Pace;
}

/** @param from and until: when it was asked and answered, by count of both */
type Deed = { readonly from: number; readonly until: number; readonly by: number } & (
  | { readonly did: "load"; readonly found: Stored | null }
  | {
      readonly did: "commit";
      readonly document: string;
      readonly expected: string | null;
      readonly revision: string | null;
    }
);

type RaceCommand = fc.AsyncCommand<object, StoreRace>;

/** Begun and not waited for; the next is begun while it is under way. */
function begun(name: string, begin: (race: StoreRace) => Promise<unknown>): RaceCommand {
  return {
    check: () => true,
    toString: () => name,
    async run(_model, race) {
      race.underWay.push(race.pace.run(`deed ${race.underWay.length}`, () => begin(race)));
    },
  };
}

async function load(race: StoreRace, by: number): Promise<void> {
  const from = ++race.asked;
  const found = await (race.handles[by] as RingStore).load();
  race.bases[by] = found?.revision ?? null;
  race.deeds.push({ did: "load", from, until: ++race.asked, by, found });
}

async function replace(race: StoreRace, by: number): Promise<void> {
  const from = ++race.asked;
  const document = `document ${from}`;
  const expected = race.bases[by] ?? null;
  const revision = await (race.handles[by] as RingStore)
    .replace(document, expected)
    .catch((error: unknown) => {
      if (isKeyturnError(error, "conflict")) return null;
      throw error;
    });
  if (revision !== null) race.bases[by] = revision;
  race.deeds.push({ did: "commit", from, until: ++race.asked, by, document, expected, revision });
}

const loading = (by: number) => begun(`load(${by})`, (race) => load(race, by));
const replacing = (by: number) => begun(`replace(${by})`, (race) => replace(race, by));
/** As a manager does: commits on what it has just loaded. */
const updating = (by: number) =>
  begun(`update(${by})`, async (race) => {
    await load(race, by);
    await replace(race, by);
  });

export const HANDLES = 3;

const by = fc.nat({ max: HANDLES - 1 });
export const raceCommands: fc.Arbitrary<RaceCommand>[] = [
  by.map(loading),
  by.map(replacing),
  by.map(updating),
  by.map(updating),
];

/** That some order of the deeds, in which none comes before one that was over when it began, explains every answer. */
export function assertOneOrder(deeds: readonly Deed[], last: Stored | null): void {
  const commits = deeds.filter((deed) => deed.did === "commit" && deed.revision !== null) as Commit[];
  const line = lineOf(commits);
  const placeOf = new Map<string | null, number>([
    [null, 0],
    ...line.map(({ revision }, i) => [revision, i + 1] as const),
  ]);
  if ((last?.revision ?? null) !== (line.at(-1)?.revision ?? null))
    throw new Error("The newest commit is not the last in line.");

  for (const [i, one] of line.entries())
    for (const other of line.slice(0, i))
      if (one.until < other.from) throw new Error("A commit stands in line before one that was over.");
  for (const deed of deeds) {
    const before = Math.max(0, ...line.map((commit, i) => (commit.until < deed.from ? i + 1 : 0)));
    const begun = Math.max(0, ...line.map((commit, i) => (commit.from < deed.until ? i + 1 : 0)));
    if (deed.did === "load") {
      const at = placeOf.get(deed.found?.revision ?? null);
      if (at === undefined || at < before || at > begun)
        throw new Error("A load found what was not there then.");
      if (deed.found !== null && line[at - 1]?.document !== deed.found.document)
        throw new Error("A load found another document.");
    } else if (deed.revision === null) {
      const at = placeOf.get(deed.expected);
      if (at === undefined) throw new Error("A commit was based on nothing.");
      if (at >= begun) throw new Error("A conflict with nobody.");
    }
  }
}

type Commit = Extract<Deed, { did: "commit" }> & { readonly revision: string };

/** Each commit after the one that it replaced; there must be just one such line. */
function lineOf(commits: readonly Commit[]): Commit[] {
  const line: Commit[] = [];
  let newest: string | null = null;
  for (;;) {
    const next = commits.filter(({ expected }) => expected === newest);
    if (next.length > 1) throw new Error("Two commits replaced one: an update was lost.");
    const [only] = next;
    if (only === undefined) break;
    line.push(only);
    newest = only.revision;
  }
  if (line.length < commits.length) throw new Error("A commit replaced what had been replaced before.");
  return line;
}
