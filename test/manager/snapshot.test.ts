import { beforeEach, describe, expect, it } from "vitest";
import type { KeyturnEvent } from "../../src/telemetry/events.ts";
import { type Place, place } from "./faulty-store.ts";
import { codeOf, kidIn, openAlone, openFleet, openNode, publishedKids, type TestNode } from "./fleet.ts";
import type { ManualClock } from "./manual-clock.ts";

const EMIT_HOLD = 1200;

describe("another node's commit", () => {
  it("is signed with, published and shown after the next refresh", async () => {
    const { nodes, clock } = await openFleet(2);
    const [one, other] = nodes as [TestNode, TestNode];
    const [first, second] = [kidIn(one.keys, "emitting"), kidIn(one.keys, "accepted")];
    clock.advance(EMIT_HOLD);
    await one.keys.refresh();
    await other.keys.rotate();

    expect((await one.keys.sign({})).kid).toBe(first);
    expect(publishedKids(other.keys)).toEqual([first, second]);
    await one.keys.refresh();
    expect((await one.keys.sign({})).kid).toBe(second);
    expect(one.keys.status()).toEqual(other.keys.status());
    expect(one.keys.ring()).toEqual(other.keys.ring());
  });

  it("is told with every record since the last that the node knew", async () => {
    const { nodes } = await openFleet(2);
    const [one, other] = nodes as [TestNode, TestNode];
    one.events.length = 0;
    await other.keys.pause({ actor: "ada" });
    await other.keys.resume();
    await one.keys.refresh();
    await one.keys.refresh();
    expect(advances(one.events)).toEqual([{ generations: [2, 3], own: false }]);
    await one.keys.pause();
    expect(advances(one.events)).toEqual([
      { generations: [2, 3], own: false },
      { generations: [4], own: true },
    ]);
  });
});

describe("a ring that is not the one seen", () => {
  let node: TestNode & { place: Place };
  beforeEach(async () => {
    node = await openAlone();
  });

  /** The node refuses what it now finds, keeps what it had, and writes nothing. */
  async function expectRefused(why: RegExp, code = "ring_rolled_back"): Promise<void> {
    const { keys, place: there } = node;
    const [status, jwks, commits] = [keys.status(), keys.jwks(), there.history.length];
    for (const look of [() => keys.refresh(), () => keys.tick(), () => keys.rotate(), () => keys.pause()]) {
      await expect(look()).rejects.toMatchObject({ code, message: expect.stringMatching(why) });
    }
    expect(keys.status()).toEqual(status);
    expect(keys.jwks()).toEqual(jwks);
    expect((await keys.sign({})).kid).toBe(status.emitter);
    expect(there.history).toHaveLength(commits);
  }

  it("is refused when it is an older generation, as a lagging replica gives it", async () => {
    const old = node.place.newest();
    await node.keys.pause();
    node.store.lagsAt = old;
    await expectRefused(/generation 1, where 2 was seen/);
    node.store.lagsAt = null;
    await node.keys.resume();
    expect(node.keys.status().generation).toBe(3);
  });

  it("is refused when it is a restored backup", async () => {
    const { document } = node.place.newest();
    await node.keys.pause();
    await node.keys.resume();
    node.place.restore(document);
    await expectRefused(/generation 1, where 3 was seen/);
    expect((await node.place.load())?.document).toBe(document);
  });

  it("is refused when the store holds no ring any more, and none is made", async () => {
    node.place.lose();
    await expectRefused(/no longer holds a ring/);
    expect(await node.place.load()).toBeNull();
  });

  it("is refused when a node that knew nothing has made another ring in the empty place", async () => {
    node.place.lose();
    const other = await openNode(node.place);
    await expectRefused(
      new RegExp(`it is ring ${other.keys.status().ring}, where ring ${node.keys.status().ring}`),
    );
  });

  it("is refused when history forked: the same generation, another commit", async () => {
    const fork = await forkOf(node);
    await node.keys.pause();
    await fork.keys.rotate();
    node.place.restore(fork.place.newest().document);
    await expectRefused(/history differs from the one seen, from generation 2 on/);
  });

  it("is refused when history forked and the other branch is ahead", async () => {
    const fork = await forkOf(node);
    await node.keys.pause();
    for (const step of [() => fork.keys.rotate(), () => fork.keys.pause(), () => fork.keys.resume()])
      await step();
    node.place.restore(fork.place.newest().document);
    await expectRefused(/history differs from the one seen, from generation 2 on/);
  });

  it("is refused when it cannot be read, and not written over", async () => {
    node.place.restore("{}\n");
    await expectRefused(/cannot be read/, "ring_corrupt");
    expect((await node.place.load())?.document).toBe("{}\n");
  });

  it("is told of, and so is the end of it", async () => {
    const newest = node.place.newest();
    await node.keys.pause();
    node.events.length = 0;
    node.store.staleReads.push(newest);
    expect(await codeOf(node.keys.refresh())).toBe("ring_rolled_back");
    await node.keys.refresh();
    await node.keys.refresh();
    expect(node.events).toMatchObject([
      { type: "store_failed", error: { code: "ring_rolled_back" } },
      { type: "store_recovered" },
    ]);
  });
});

describe("loads and commits that overtake each other on one node", () => {
  let node: TestNode & { place: Place };
  let clock: ManualClock;
  beforeEach(async () => {
    node = await openAlone();
    clock = node.clock;
    node.events.length = 0;
  });

  it("do not take a slow read for a restored backup when the node itself has committed meanwhile", async () => {
    const load = node.store.delayNextLoad();
    const refreshing = codeOf(node.keys.refresh());
    await load.reached;
    await node.keys.pause();
    load.release();
    expect(await refreshing).toBe("none");
    expect(node.keys.status().generation).toBe(2);
    expect(node.events.map(({ type }) => type)).toEqual(["ring_advanced"]);
  });

  it("do not take a slow read for a restored backup when a faster one came later and saw more", async () => {
    const other = await openNode(node.place, { clock });
    const load = node.store.delayNextLoad();
    const refreshing = codeOf(node.keys.refresh());
    await load.reached;
    await other.keys.pause();
    await node.keys.refresh();
    load.release();
    expect(await refreshing).toBe("none");
    expect(node.keys.status().generation).toBe(2);
  });

  it("report a commit whose answer came after others had gone on from it", async () => {
    const other = await openNode(node.place, { clock });
    const commit = node.store.delayNextReplace();
    const pausing = node.keys.pause();
    await commit.reached;
    await other.keys.resume();
    await node.keys.refresh();
    commit.release();
    expect(await pausing).toMatchObject({ changed: true, generation: 3 });
    expect(node.keys.status()).toMatchObject({ generation: 3, pausedAt: null });
    expect(advances(node.events).flatMap(({ generations }) => generations)).toEqual([2, 3]);
  });

  for (const commits of [1, 2]) {
    it(`refuse a slow read of a forked history all the same, ${commits} of the node's commits later`, async () => {
      const fork = await forkOf(node);
      await fork.keys.rotate();
      node.store.staleReads.push(fork.place.newest());
      const load = node.store.delayNextLoad();
      const refreshing = codeOf(node.keys.refresh());
      await load.reached;
      for (const give of [() => node.keys.pause(), () => node.keys.resume()].slice(0, commits)) await give();
      load.release();
      expect(await refreshing).toBe("ring_rolled_back");
      expect(node.keys.status().generation).toBe(1 + commits);
      expect(node.keys.status().rotateRequestedAt).toBeNull();
    });
  }
});

describe("an anchor kept outside the store", () => {
  it("lets a node start on the ring of the anchor and on any that follows it", async () => {
    const { keys, place: there } = await openAlone();
    const anchor = headOf(keys.ring());
    expect((await openNode(there, { anchor })).keys.status().generation).toBe(1);
    await keys.pause();
    expect((await openNode(there, { anchor })).keys.status().generation).toBe(2);
  });

  it("keeps a node from starting on a restored backup", async () => {
    const { keys, place: there } = await openAlone();
    const { document } = there.newest();
    await keys.pause();
    there.restore(document);
    expect(await codeOf(openNode(there, { anchor: headOf(keys.ring()) }))).toBe("ring_rolled_back");
    expect((await there.load())?.document).toBe(document);
  });

  it("keeps a node from starting on another ring, another history or none", async () => {
    const { keys, place: there } = await openAlone();
    const anchor = headOf(keys.ring());
    const otherHistory = { ...anchor, hash: "A".repeat(43) };
    expect(await codeOf(openNode((await openAlone()).place, { anchor }))).toBe("ring_rolled_back");
    expect(await codeOf(openNode(there, { anchor: otherHistory }))).toBe("ring_rolled_back");
    const empty = place();
    expect(await codeOf(openNode(empty, { anchor }))).toBe("ring_rolled_back");
    expect(empty.history).toEqual([]);
  });
});

const headOf = (ring: { auditTail: readonly { ring: string; generation: number; hash: string }[] }) => {
  const {
    ring: id,
    generation,
    hash,
  } = ring.auditTail.at(-1) as { ring: string; generation: number; hash: string };
  return { ring: id, generation, hash };
};

/** A node on a copy of the other's place, from where on both go their own ways. */
async function forkOf({ place: there }: { place: Place }): Promise<TestNode & { place: Place }> {
  const copy = place();
  await copy.replace(there.newest().document, null);
  const node = await openNode(copy);
  return { ...node, place: copy };
}

function advances(events: readonly KeyturnEvent[]): { generations: number[]; own: boolean }[] {
  return events.flatMap((event) =>
    event.type === "ring_advanced"
      ? [{ generations: event.records.map(({ generation }) => generation), own: event.own }]
      : [],
  );
}
