/** Commits that arrive long after they were decided: what the store's own date is for, and what it must not do. */
import { describe, expect, it } from "vitest";
import { aboutToTurnOver, datingPlace, POLICY, RETIRE_HOLD, type TwoNodes } from "./dating-place.ts";
import { place } from "./faulty-store.ts";
import { codeOf, openNode, publishedKids, SHORT, SHORT_HOLD, settle, type TestNode } from "./fleet.ts";
import { manualClock, START } from "./manual-clock.ts";

const YEAR = 365 * 86_400;

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
  return { there, arrivedAt: gone.clock.now() };
}

function acceptUntil({ keys }: TestNode, kid: string): number {
  return keys.ring().keys.find((key) => key.kid === kid)?.acceptUntil ?? 0;
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

  it("is dated so too by a node that reads it within the second", async () => {
    const { there, arrivedAt } = await leftBehind(60);
    const next = await openNode(there, { clock: manualClock(arrivedAt) });
    expect(next.keys.ring().keys.at(-1)?.publishedAt).toBe(arrivedAt);
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

describe("a turnover that takes long on its way", () => {
  /** What the other node signs with the old key while the commit is under way. */
  async function signedMeanwhile({ a, b }: TwoNodes, wait: () => void) {
    const signed = { kid: "", expiresAt: 0 };
    a.store.beforeReplace.push(async () => {
      wait();
      await b.keys.refresh();
      Object.assign(signed, await b.keys.sign({ sub: "x" }));
    });
    expect((await a.keys.tick()).step?.step).toBe("emit");
    return signed;
  }

  it("because the machine slept, keeps the old key for all that others signed meanwhile", async () => {
    const real = manualClock();
    const nodes = await aboutToTurnOver(datingPlace(real), real);
    const signed = await signedMeanwhile(nodes, () => {
      for (const clock of [real, nodes.b.clock]) clock.advance(7200);
      // The monotonic clock stands still in a machine that sleeps.
      nodes.a.clock.wall += 7200;
    });
    expect(signed.kid).toBe(nodes.old);
    await nodes.b.keys.refresh();
    for (const { keys } of [nodes.a, nodes.b]) expect(publishedKids(keys)).toContain(nodes.old);
  });

  it("is counted by the process that made it, when the answer was lost and the store does not date", async () => {
    const nodes = await aboutToTurnOver(place(), manualClock());
    nodes.a.store.commitFaults.push("unknown_committed");
    const signed = await signedMeanwhile(nodes, () => nodes.advance(600));
    expect(signed.kid).toBe(nodes.old);
    expect(acceptUntil(nodes.a, nodes.old)).toBeGreaterThanOrEqual(signed.expiresAt);
  });

  it.each([10, 300])(
    "is not rolled back by a node that heard of it %i s late, to what others have dropped",
    async (took) => {
      const real = manualClock();
      const there = datingPlace(real);
      const { replace } = there;
      const { a, b, pass, old, advance } = await aboutToTurnOver(there, real);
      there.replace = async (document, expected) => {
        const revision = await replace(document, expected);
        there.replace = replace;
        await b.keys.refresh();
        advance(took);
        return revision;
      };
      const decidedAt = a.clock.now();
      expect(await settle(a)).toEqual(["emit"]);
      await pass(decidedAt + RETIRE_HOLD + took - 61 - a.clock.now());
      // Ahead by what the skew allows; and it may reload as late as a refresh after the rollback.
      b.clock.wall += 27 + 29;
      expect(publishedKids(b.keys)).not.toContain(old);
      expect(await codeOf(a.keys.rollback({ reason: "bad" }))).toBe("rollback_impossible");
    },
  );
});

describe("a policy that arrives late", () => {
  it("brings back no key for a rollback that every node had dropped", async () => {
    const real = manualClock();
    const { a, b, pass, old, advance } = await aboutToTurnOver(datingPlace(real), real);
    expect(await settle(a)).toEqual(["emit"]);
    await pass(RETIRE_HOLD - 70);
    a.store.beforeReplace.push(async () => {
      advance(400);
      await b.keys.refresh();
      for (const { keys } of [a, b]) expect(publishedKids(keys)).not.toContain(old);
    });
    await a.keys.applyPolicy({ ...POLICY, tokenSeconds: 7200 });
    expect(await codeOf(a.keys.rollback({ reason: "bad" }))).toBe("rollback_impossible");
  });
});

describe("a revoke that takes long on its way", () => {
  it("promises nothing that counts from before", async () => {
    const real = manualClock();
    const { a, old, advance } = await aboutToTurnOver(datingPlace(real), real);
    a.store.beforeReplace.push(() => advance(300));
    const { refusedByAt } = await a.keys.revoke(old, { reason: "stolen" });
    expect(refusedByAt).toBeGreaterThanOrEqual(a.clock.now() + 1200);
  });
});

describe("a store's date", () => {
  it("taken while the machine's clock had jumped, spoils the ring for nobody", async () => {
    const real = manualClock();
    const there = datingPlace(real);
    const { a, b, pass, advance } = await aboutToTurnOver(there, real);
    const jump = (by: number) => {
      for (const clock of [real, a.clock, b.clock]) clock.wall += by;
    };
    a.store.beforeReplace.push(() => jump(YEAR));
    await a.keys.tick();
    advance(10);
    await b.keys.refresh();
    jump(-YEAR);
    await pass(60);
    await b.keys.revoke(b.keys.ring().keys[0]?.kid ?? "", { reason: "stolen" });
    const fresh = await openNode(there, { clock: manualClock(real.wall), policy: POLICY });
    expect(fresh.keys.ring().committedAt).toBeLessThanOrEqual(real.wall + 60);
  });

  it("that changes changes nothing for who has seen the ring", async () => {
    const clock = manualClock();
    const there = datingPlace(clock);
    const node = await openNode(there, { clock, policy: SHORT });
    const seen = node.keys.ring();
    clock.advance(100);
    there.touch();
    there.put((await there.load())?.document ?? "");
    await node.keys.refresh();
    expect(node.keys.ring()).toEqual(seen);
  });
});
