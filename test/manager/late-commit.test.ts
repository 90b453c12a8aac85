/** Commits that arrive long after they were decided: what the store's own date is for. */
import { describe, expect, it } from "vitest";
import type { RingStore } from "../../src/store/store.ts";
import { place } from "./faulty-store.ts";
import { openNode, SHORT, SHORT_HOLD, settle } from "./fleet.ts";
import { type ManualClock, manualClock, START } from "./manual-clock.ts";

/** A place that dates what it takes by a clock of its own. */
function datingPlace(clock: ManualClock): RingStore & { put(document: string): void } {
  const there = place();
  let storedAt = 0;
  return {
    ...there,
    async load() {
      const stored = await there.load();
      return stored === null ? null : { ...stored, storedAt };
    },
    async replace(document, expected) {
      const revision = await there.replace(document, expected);
      storedAt = clock.now() + 0.5;
      return revision;
    },
    put(document) {
      there.restore(document);
      storedAt = clock.now() + 0.5;
    },
  };
}

/** A node whose process ends while its commit is on the way; the commit arrives after `seconds`. */
async function leftBehind(seconds: number, storeClock = manualClock()) {
  const there = datingPlace(storeClock);
  const gone = await openNode(there, { policy: { ...SHORT, standby: false } });
  const pass = (passed: number) => {
    gone.clock.advance(passed);
    storeClock.advance(passed);
  };
  pass(20 - SHORT_HOLD);
  gone.store.beforeReplace.push(() => pass(seconds));
  await gone.keys.tick();
  return { there, arrivedAt: gone.clock.now(), pass };
}

describe("a commit that arrives after its process has ended", () => {
  it("is dated by the store for a node that starts later", async () => {
    const { there, arrivedAt } = await leftBehind(60);
    const next = await openNode(there, { clock: manualClock(arrivedAt + 1) });
    expect(await settle(next)).toEqual([]);
    next.clock.advance(SHORT_HOLD - 2);
    expect(await settle(next)).toEqual([]);
    next.clock.advance(1);
    expect(await settle(next)).toEqual(["emit"]);
  });

  it("and the next commit stores what was counted", async () => {
    const { there, arrivedAt } = await leftBehind(60);
    const next = await openNode(there, { clock: manualClock(arrivedAt + 1) });
    await next.keys.pause();
    await next.keys.resume();
    const third = await openNode(there, { clock: manualClock(arrivedAt + 2) });
    expect(third.keys.ring().keys.at(-1)?.emitAfter).toBe(arrivedAt + SHORT_HOLD);
  });

  it("is not dated by a store whose clock is ahead by more than the skew", async () => {
    const { there, arrivedAt } = await leftBehind(60, manualClock(START + 86_400));
    const next = await openNode(there, { clock: manualClock(arrivedAt) });
    expect(next.keys.ring().keys.at(-1)?.emitAfter).toBe(arrivedAt - 60 + SHORT_HOLD);
  });
});

it("takes a copy that is put back for what it was when it was first seen", async () => {
  const clock = manualClock();
  const there = datingPlace(clock);
  const node = await openNode(there, { clock, policy: SHORT });
  const seen = node.keys.ring();
  clock.advance(100);
  there.put((await there.load())?.document ?? "");
  await node.keys.refresh();
  expect(node.keys.ring()).toEqual(seen);
});
