import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import {
  FAILURES_MAX,
  guardedStore,
  LOAD_SECONDS_MAX,
  REPLACE_SECONDS_MAX,
  REST_SECONDS,
} from "../../src/store/guarded.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { Accepts } from "../../src/store/store.ts";
import { storeContract } from "../../src/testing/index.ts";
import { manualClock } from "../manager/manual-clock.ts";

describe("guardedStore", () => {
  describe("keeps the contract of every store:", () => {
    for (const { name, run } of storeContract) {
      it(name, async () => {
        const place = memoryStore();
        await run({ open: async () => guardedStore(place, manualClock()) });
      });
    }
  });

  it("leaves a store alone that has failed several times in a row, then tries it once", async () => {
    const { clock, guarded, inner } = guardedPlace();
    inner.fails = true;
    for (let failure = 0; failure < FAILURES_MAX; failure++)
      await expect(guarded.load()).rejects.toThrow("down");
    expect(inner.loads).toBe(FAILURES_MAX);
    await expect(guarded.load()).rejects.toMatchObject({ code: "store_unavailable" });
    await expect(guarded.replace("new", null)).rejects.toMatchObject({ code: "store_unavailable" });
    expect(inner.loads).toBe(FAILURES_MAX);

    clock.advance(REST_SECONDS);
    await expect(guarded.load()).rejects.toThrow("down");
    await expect(guarded.load()).rejects.toThrow(/not asked again/);
    expect(inner.loads).toBe(FAILURES_MAX + 1);

    inner.fails = false;
    clock.advance(REST_SECONDS);
    expect(await guarded.load()).toBeNull();
    expect(await guarded.load()).toBeNull();
  });

  it("hands on how a half-done successor is judged, to a store that asks", async () => {
    const judges: unknown[] = [];
    const inner = { ...memoryStore(), judgeBy: (accepts: Accepts) => judges.push(accepts) };
    const accepts = async () => true;
    guardedStore(inner, manualClock()).judgeBy?.(accepts);
    guardedStore(memoryStore(), manualClock()).judgeBy?.(accepts);
    expect(judges).toEqual([accepts]);
  });

  it("takes a conflict for an answer", async () => {
    const { guarded } = guardedPlace();
    await guarded.replace("first", null);
    for (let attempt = 0; attempt < 2 * FAILURES_MAX; attempt++)
      await expect(guarded.replace("other", null)).rejects.toMatchObject({ code: "conflict" });
    expect((await guarded.load())?.document).toBe("first");
  });

  describe("with a store that hangs", () => {
    beforeEach(() => void vi.useFakeTimers());
    afterEach(() => void vi.useRealTimers());

    it("says so of a load, and that a commit is in doubt", async () => {
      const never = new Promise<never>(() => {});
      vi.spyOn(AbortSignal, "timeout").mockImplementation(timeoutByFakeTimers);
      const hanging = { description: "hanging", load: () => never, replace: () => never };
      const guarded = guardedStore(hanging, manualClock());
      const load = expect(guarded.load()).rejects.toMatchObject({ code: "store_unavailable" });
      await vi.advanceTimersByTimeAsync(LOAD_SECONDS_MAX * 1000);
      await load;
      const commit = expect(guarded.replace("new", null)).rejects.toMatchObject({ code: "commit_unknown" });
      await vi.advanceTimersByTimeAsync(REPLACE_SECONDS_MAX * 1000);
      await commit;
      vi.restoreAllMocks();
    });
  });
});

function timeoutByFakeTimers(milliseconds: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new DOMException("late", "TimeoutError")), milliseconds);
  return controller.signal;
}

function guardedPlace() {
  const place = memoryStore();
  const inner = { fails: false, loads: 0 };
  const clock = manualClock();
  const guarded = guardedStore(
    {
      ...place,
      load: async () => {
        inner.loads += 1;
        if (inner.fails) throw new KeyturnError("store_unavailable", "down", { fix: "Wait." });
        return place.load();
      },
    },
    clock,
  );
  return { clock, guarded, inner };
}
