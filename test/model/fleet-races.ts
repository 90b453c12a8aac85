/**
 * Commands that overtake one another: a scheduler decides when each load and each commit reaches the
 * store and when its answer comes back. Whatever the order: one history, nothing lost, nothing twice.
 */
import fc from "fast-check";
import { isKeyturnError } from "../../src/errors.ts";
import { createKeyManager, type KeyManager } from "../../src/manager/manager.ts";
import { type AuditRecord, verifyChain } from "../../src/ring/audit.ts";
import { type Extent, searched } from "../fuzz/search.ts";
import {
  type CommitFault,
  type FaultyStore,
  faultyStore,
  type Place,
  place,
} from "../manager/faulty-store.ts";
import { ISSUER, KEK, recordsOf, ringIn, SHORT } from "../manager/fleet.ts";
import { type ManualClock, manualClock } from "../manager/manual-clock.ts";
import type { Row } from "../proof/section.ts";
import { witnessOf } from "../ring/promises.ts";
import { newPace, type Pace, sleepsBefore } from "./pace.ts";

const NODES = 3;

/** What the callers were told, by the reason that each gave. */
interface Told {
  readonly changed: string[];
  readonly unchanged: string[];
  readonly unknown: string[];
}

interface Race {
  readonly keys: readonly KeyManager[];
  readonly stores: readonly FaultyStore[];
  readonly place: Place;
  readonly clock: ManualClock;
  readonly underWay: Promise<unknown>[];
  readonly told: Told;
  readonly excused: Set<string>;
  given: number;
  readonly pace: Pace;
}

type RaceCommand = fc.AsyncCommand<object, Race>;

/** Begun and not waited for; the next is begun while it is under way. */
function begun(name: string, begin: (race: Race) => void): RaceCommand {
  return { check: () => true, toString: () => name, run: async (_model, race) => begin(race) };
}

const REFUSALS = ["store_unavailable", "commit_unknown", "rollback_impossible", "conflict"] as const;

type Give = (keys: KeyManager, cause: { reason: string }, race: Race) => Promise<{ changed: boolean }>;

const COMMANDS: Readonly<Record<string, Give>> = {
  rotate: (keys, cause) => keys.rotate(cause),
  rollback: (keys, cause) => keys.rollback(cause),
  pause: (keys, cause) => keys.pause(cause),
  resume: (keys, cause) => keys.resume(cause),
  revoke(keys, cause, { excused }) {
    const { emitter } = keys.status();
    excused.add(emitter);
    return keys.revoke(emitter, cause);
  },
  policy: (keys, cause) => keys.applyPolicy({ ...SHORT, tokenSeconds: 5 + (cause.reason.length % 3) }, cause),
};

const give = (by: number, name: string) =>
  begun(`${name}(${by})`, (race) => {
    race.given += 1;
    const reason = `command ${"i".repeat(race.given)}`;
    const keys = race.keys[by] as KeyManager;
    const work = race.pace.run(`node ${by}`, () => (COMMANDS[name] as Give)(keys, { reason }, race));
    race.underWay.push(
      work.then(
        ({ changed }) => (changed ? race.told.changed : race.told.unchanged).push(reason),
        (error: unknown) => {
          if (!isKeyturnError(error, ...REFUSALS)) throw error;
          (error.code === "commit_unknown" ? race.told.unknown : race.told.unchanged).push(reason);
        },
      ),
    );
  });

const tick = (by: number) =>
  begun(`tick(${by})`, (race) => {
    const work = race.pace.run(`node ${by}`, () => (race.keys[by] as KeyManager).tick());
    race.underWay.push(
      work.catch((error: unknown) => {
        if (!isKeyturnError(error, ...REFUSALS)) throw error;
      }),
    );
  });

const pass = (seconds: number) => begun(`pass(${seconds})`, ({ clock }) => clock.advance(seconds));

const fault = (by: number, how: CommitFault) =>
  begun(`fault(${by}, ${how})`, ({ stores }) => (stores[by] as FaultyStore).commitFaults.push(how));

const by = fc.nat({ max: NODES - 1 });
const commands: fc.Arbitrary<RaceCommand>[] = [
  fc.tuple(by, fc.constantFrom(...Object.keys(COMMANDS))).map(([node, name]) => give(node, name)),
  fc.tuple(by, fc.constantFrom(...Object.keys(COMMANDS))).map(([node, name]) => give(node, name)),
  by.map(tick),
  by.map(tick),
  fc.constantFrom(1, 7, 14).map(pass),
  fc
    .tuple(
      by,
      fc.constantFrom(
        "conflict",
        "unavailable",
        "unknown_committed",
        "unknown_not_committed",
        "unknown_late",
      ),
    )
    .map(([node, how]) => fault(node, how as CommitFault)),
];

export async function fleetRaceRows(extent: Extent): Promise<Row[]> {
  const counted = { conflicts: 0, commits: 0 };
  const pace = newPace();
  const property = fc.asyncProperty(
    fc.scheduler({ act: pace.act }),
    fc.commands(commands, { maxCommands: 30, size: "max" }),
    sleepsBefore("replace arrives", "replace is answered"),
    async (scheduler, drawn, sleep) => {
      const race = await newRace(pace, () => {
        counted.conflicts += 1;
      });
      pace.start(scheduler, sleep);
      await fc.scheduledModelRun(scheduler, () => ({ model: {}, real: race }), drawn);
      await scheduler.waitFor(Promise.all(race.underWay));
      await assertOneHistory(race);
      counted.commits += race.place.history.length;
    },
  );
  const told = () => `${counted.commits} commits, ${counted.conflicts} conflicts`;
  return [await searched("commands of three managers that overtake one another", property, extent, told)];
}

async function newRace(pace: Pace, onConflict: () => void): Promise<Race> {
  const there = place();
  const clock = manualClock();
  const stores = Array.from({ length: NODES }, () => handle(there, pace));
  const keys: KeyManager[] = [];
  for (const store of stores)
    keys.push(
      await createKeyManager({
        store,
        kek: KEK,
        issuer: ISSUER,
        clock,
        ...(keys.length === 0 ? { policy: SHORT } : {}),
        onEvent: ({ type }) => type === "conflict" && onConflict(),
      }),
    );
  return {
    keys,
    stores,
    place: there,
    clock,
    underWay: [],
    told: { changed: [], unchanged: [], unknown: [] },
    excused: new Set(),
    given: 0,
    pace,
  };
}

/** What a node sees of the store: each call waits for its turn, and so does each answer. */
function handle(there: Place, pace: Pace): FaultyStore {
  const inTurn = async <T>(name: string, call: () => Promise<T>): Promise<T> => {
    await pace.turn(`${name} arrives`);
    const outcome = await call().then(
      (done) => () => done,
      (error: unknown) => () => {
        throw error;
      },
    );
    await pace.turn(`${name} is answered`);
    return outcome();
  };
  return faultyStore({
    description: there.description,
    ephemeral: true,
    load: () => inTurn("load", () => there.load()),
    replace: (document, expected) => inTurn("replace", () => there.replace(document, expected)),
  });
}

async function assertOneHistory({ place: there, told, excused }: Race): Promise<void> {
  const rings = await Promise.all(there.history.map(({ document }) => ringIn(document)));
  const records: AuditRecord[] = await recordsOf(there);
  await verifyChain(records);
  if (rings.some(({ generation }, i) => generation !== i + 1))
    throw new Error("A generation is missing or twice.");

  const recorded = records.flatMap(({ reason }) => (reason === null ? [] : [reason]));
  if (new Set(recorded).size !== recorded.length) throw new Error("A command was carried out twice.");
  const lost = told.changed.filter((reason) => !recorded.includes(reason));
  if (lost.length > 0) throw new Error("A command that was confirmed is not in the history.");
  const invented = recorded.filter((reason) => told.unchanged.includes(reason));
  if (invented.length > 0)
    throw new Error("A command that was told to have changed nothing is in the history.");

  const [first, ...others] = rings;
  const witness = witnessOf(first as (typeof rings)[number]);
  for (const kid of excused) witness.excuse(kid);
  for (const ring of others) witness.see(ring, ring.committedAt);
}
