import { describe, expect, it } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { Accepts, RingStore } from "../../src/store/store.ts";
import type { KeyturnEvent } from "../../src/telemetry/events.ts";
import { watchedStore } from "../../src/telemetry/store-watch.ts";
import { storeContract } from "../../src/testing/store-contract.ts";
import { manualClock } from "../manager/manual-clock.ts";

describe("a watched store", () => {
  for (const { name, run } of storeContract) {
    it(name, async () => {
      const store = memoryStore();
      await run({ open: async () => watchedStore(store, manualClock(), () => {}) });
    });
  }
});

function slow(clock: ReturnType<typeof manualClock>): RingStore {
  return {
    description: "a slow store",
    async load() {
      clock.advance(3);
      return null;
    },
    async replace() {
      clock.sinceBoot += 2;
      // The wall clock is set back meanwhile, which makes nothing faster.
      clock.wall -= 3600;
      throw new KeyturnError("conflict", "Another was first.", { fix: "Reload." });
    },
  };
}

it("hands on how a half-done successor is judged, to a store that asks", async () => {
  const judges: unknown[] = [];
  const inner = { ...memoryStore(), judgeBy: (accepts: Accepts) => judges.push(accepts) };
  const accepts = async () => true;
  watchedStore(inner, manualClock(), () => {}).judgeBy?.(accepts);
  watchedStore(memoryStore(), manualClock(), () => {}).judgeBy?.(accepts);
  expect(judges).toEqual([accepts]);
});

it("tells how long each call took and how it ended, and hands on what came", async () => {
  const clock = manualClock();
  const told: KeyturnEvent[] = [];
  const store = watchedStore(slow(clock), clock, (event) => told.push(event));
  expect(store.description).toBe("a slow store");
  expect(store.ephemeral).toBeUndefined();
  expect(await store.load()).toBeNull();
  await expect(store.replace("{}", null)).rejects.toMatchObject({ code: "conflict" });
  expect(told).toEqual([
    { type: "store_called", operation: "load", outcome: "ok", seconds: 3 },
    { type: "store_called", operation: "replace", outcome: "conflict", seconds: 2 },
  ]);
});
