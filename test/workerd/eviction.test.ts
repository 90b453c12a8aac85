/** Objects are moved and crash at any moment. The ring goes on where it was, and nothing is told twice. */
import { abortAllDurableObjects, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { MovableClock } from "../../src/testing/movable-clock.ts";
import {
  ask,
  auditOf,
  type LoggedLine,
  loggedLines,
  movedClock,
  newName,
  objectOf,
  statusOf,
  tick,
} from "./ring-object.ts";

let clock: MovableClock;
let lines: LoggedLine[];
let name: string;

beforeEach(() => {
  clock = movedClock();
  lines = loggedLines();
  name = newName();
});

afterEach(async () => {
  // Whatever happened: one record for each generation, each told of at most once.
  const records = await auditOf(objectOf(name));
  const { generation } = await statusOf(objectOf(name));
  expect(records.map((record) => record.generation)).toEqual(
    Array.from({ length: generation }, (_, index) => index + 1),
  );
  const told = lines.flatMap((line) => (line.msg === "ring advanced" ? [line.generation] : []));
  expect(told.sort()).toEqual([...new Set(told)].sort());
});

const ends: Readonly<Record<string, () => Promise<void>>> = {
  eviction: () => evictDurableObject(objectOf(name)),
  crash: () => abortAllDurableObjects(),
};

async function untilDue(): Promise<void> {
  const { nextDueAt } = await statusOf(objectOf(name));
  clock.advance(Math.max(0, (nextDueAt ?? 0) - clock.now()));
}

describe.each(Object.keys(ends))("an object that ends by %s", (way) => {
  const end = () => ends[way]?.();

  it("between any two steps of three turnovers goes on where it was", async () => {
    const taken: (string | undefined)[] = [];
    for (let step = 1; step <= 9; step++) {
      await untilDue();
      await end();
      taken.push((await tick(objectOf(name))).step?.step);
      await end();
    }
    expect(taken).toEqual([
      "emit",
      "accept",
      "revoke",
      "emit",
      "accept",
      "revoke",
      "emit",
      "accept",
      "revoke",
    ]);
    expect(lines.filter(({ msg }) => msg === "ring advanced")).toHaveLength(10);
  });

  it("in the middle of a step, with others asking, has taken it or has not", async () => {
    await tick(objectOf(name));
    for (let step = 1; step <= 4; step++) {
      await untilDue();
      const before = (await statusOf(objectOf(name))).generation;
      const under = Array.from({ length: 10 }, (_, index) =>
        index % 2 === 0 ? objectOf(name).tick() : objectOf(name).load("ring"),
      );
      await end();
      await Promise.allSettled(under);
      const { generation } = await statusOf(objectOf(name));
      expect(generation - before).toBeGreaterThanOrEqual(0);
      expect(generation - before).toBeLessThanOrEqual(2);
    }
  });

  it("right after a commit has made it", async () => {
    await ask(objectOf(name), "/v1/ring/pause", { reason: "A drill." });
    await end();
    expect((await statusOf(objectOf(name))).pausedAt).toBe(clock.now());
    expect((await auditOf(objectOf(name))).map(({ event }) => event)).toEqual(["init", "pause"]);
  });

  it("keeps its alarm", async () => {
    const alarm = () => runInDurableObject(objectOf(name), (_, { storage }) => storage.getAlarm());
    await tick(objectOf(name));
    const before = await alarm();
    await end();
    expect(await alarm()).toBe(before);
  });
});

describe("a crash", () => {
  it("before the storage has said that a commit is on disk leaves it whole, or not begun", async () => {
    await tick(objectOf(name));
    const asked = await runInDurableObject(objectOf(name), (instance, { storage }) => {
      const reached = new Promise<void>((resolve) => {
        storage.sync = () => {
          resolve();
          return new Promise(() => {});
        };
      });
      const command = ask(instance, "/v1/ring/pause", {}).catch(() => null);
      return reached.then(() => ({ command }));
    });
    await abortAllDurableObjects();
    expect(asked).toHaveProperty("command");
    const { generation, pausedAt } = await statusOf(objectOf(name));
    expect([generation, pausedAt !== null]).toEqual([generation, generation === 2]);
    await tick(objectOf(name));
  });

  it("of an object that was never asked for anything makes no difference", async () => {
    await abortAllDurableObjects();
    expect(await tick(objectOf(name))).toMatchObject({ step: null });
  });
});
