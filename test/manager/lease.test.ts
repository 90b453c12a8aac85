import { decodeJwt } from "jose";
import { afterEach, describe, expect, it, vi } from "vitest";
import { RENEW_SECONDS } from "../../src/manager/manager.ts";
import { codeOf, openAlone, openFleet, publishedKids, settle, type TestNode } from "./fleet.ts";
import { START } from "./manual-clock.ts";

const LEASE = 120;

const signs = async ({ keys }: TestNode) => (await codeOf(keys.sign({}))) === "none";

describe("while the store is down", () => {
  it("signs to the last second of the lease, then refuses with ring_stale", async () => {
    const node = await openAlone();
    node.store.down = true;
    node.clock.advance(LEASE);
    expect(await signs(node)).toBe(true);
    node.clock.advance(1);
    await expect(node.keys.sign({})).rejects.toMatchObject({
      code: "ring_stale",
      message: expect.stringContaining("121 s ago, the lease is 120 s"),
      cause: { code: "store_unavailable" },
    });
  });

  it("takes the lease from the ring's policy", async () => {
    const node = await openAlone({ policy: { leaseSeconds: 40 } });
    node.store.down = true;
    node.clock.advance(40);
    expect(await signs(node)).toBe(true);
    node.clock.advance(1);
    expect(await signs(node)).toBe(false);
  });

  it("serves the last good JWKS long after it has stopped to sign", async () => {
    const { keys, store, clock } = await openAlone();
    const before = keys.jwks();
    store.down = true;
    clock.advance(30 * 86_400);
    expect(await codeOf(keys.refresh())).toBe("store_unavailable");
    expect(keys.jwks()).toEqual(before);
  });

  it("drops a retiring key from the JWKS at its promised instant all the same", async () => {
    const { keys, store, clock } = await openAlone();
    const old = keys.status().emitter;
    clock.advance(1200);
    await keys.rotate();
    store.down = true;
    clock.advance(1199);
    expect(publishedKids(keys)).toContain(old);
    clock.advance(1);
    expect(publishedKids(keys)).not.toContain(old);
    expect(publishedKids(keys)).toContain(keys.status().emitter);
  });

  it("says in its status whether it may sign, to the fraction of a second", async () => {
    const node = await openAlone();
    node.store.down = true;
    expect(node.keys.status()).toMatchObject({ leaseAgeSeconds: 0, canSign: true });
    for (const age of [119.5, LEASE, 120.25, 121]) {
      node.clock.sinceBoot = 5000 + age;
      expect(node.keys.status()).toMatchObject({
        leaseAgeSeconds: Math.floor(age),
        canSign: await signs(node),
      });
    }
    expect(node.keys.status().canSign).toBe(false);
  });
});

describe("when the store is back", () => {
  it("signs again by itself, after one look at the store", async () => {
    const node = await openAlone();
    node.store.down = true;
    node.clock.advance(LEASE + 1);
    expect(await signs(node)).toBe(false);
    node.store.down = false;
    node.clock.advance(1);
    const { load } = node.store.calls;
    const { token } = await node.keys.sign({});
    expect(decodeJwt(token).iat).toBe(START + LEASE + 2);
    expect(await signs(node)).toBe(true);
    expect(node.store.calls.load).toBe(load + 1);
  });

  it("signs with the emitter of then, not with the one it knew", async () => {
    const { nodes, clock } = await openFleet(2);
    const [away, other] = nodes as [TestNode, TestNode];
    const old = away.keys.status().emitter;
    clock.advance(1200);
    await other.keys.rotate();
    const { kid } = await away.keys.sign({});
    expect(kid).toBe(other.keys.status().emitter);
    expect(kid).not.toBe(old);
  });

  it("stamps a token with the clock after the look, not before", async () => {
    const { keys, store, clock } = await openAlone();
    clock.advance(LEASE + 1);
    const load = store.delayNextLoad();
    const signing = keys.sign({});
    await load.reached;
    clock.advance(7);
    load.release();
    expect(decodeJwt((await signing).token).iat).toBe(START + LEASE + 8);
  });

  it("refuses when the look itself took longer than the lease", async () => {
    const { keys, store, clock } = await openAlone();
    clock.advance(LEASE + 1);
    const load = store.delayNextLoad();
    const signing = codeOf(keys.sign({}));
    await load.reached;
    clock.advance(LEASE + 1);
    load.release();
    expect(await signing).toBe("ring_stale");
  });

  it("looks once for however many tokens are wanted at once", async () => {
    const { keys, store, clock } = await openAlone();
    clock.advance(LEASE + 1);
    const { load } = store.calls;
    await Promise.all(Array.from({ length: 100 }, () => keys.sign({})));
    expect(store.calls.load).toBe(load + 1);
  });

  it("looks once a second while looking fails, however many tokens are wanted", async () => {
    const { keys, store, clock } = await openAlone();
    clock.advance(LEASE + 1);
    store.down = true;
    const { load } = store.calls;
    for (let tenth = 0; tenth < 30; tenth++) {
      const refused = await Promise.all(Array.from({ length: 10 }, () => codeOf(keys.sign({}))));
      expect(new Set(refused)).toEqual(new Set(["ring_stale"]));
      clock.sinceBoot += 0.1;
    }
    expect(store.calls.load).toBe(load + 3);
  });

  it("lets a look that hangs hold up no token of a later second", async () => {
    const { keys, store, clock } = await openAlone();
    clock.advance(LEASE + 1);
    const load = store.delayNextLoad();
    const waiting = keys.sign({});
    await load.reached;
    clock.advance(1);
    expect(await codeOf(keys.sign({}))).toBe("none");
    load.release();
    expect(decodeJwt((await waiting).token).iat).toBe(START + LEASE + 2);
  });
});

describe("a look at the store that never ends", () => {
  afterEach(() => void vi.restoreAllMocks());

  /** A node whose lease is over and whose first look hangs, and the timers that run. */
  async function hanging() {
    const node = await openAlone();
    node.clock.advance(LEASE + 1);
    const load = node.store.delayNextLoad();
    const timer = new AbortController();
    const timers = vi.spyOn(AbortSignal, "timeout").mockReturnValue(timer.signal);
    const signing = node.keys.sign({});
    await load.reached;
    return { ...node, signing, timers, runOut: () => timer.abort(new DOMException("late", "TimeoutError")) };
  }

  it("keeps nobody waiting who shares it, each by a timer of its own", async () => {
    const { keys, store, signing, timers, runOut } = await hanging();
    const { load } = store.calls;
    const refused = Promise.all([codeOf(signing), codeOf(keys.sign({}))]);
    runOut();
    expect(await refused).toEqual(["ring_stale", "ring_stale"]);
    expect(store.calls.load).toBe(load);
    expect(timers.mock.calls).toEqual([[RENEW_SECONDS * 1000], [RENEW_SECONDS * 1000]]);
  });

  it("refuses no token once another look has renewed the lease", async () => {
    const { keys, clock, signing, runOut } = await hanging();
    clock.advance(1);
    await keys.refresh();
    runOut();
    expect(decodeJwt((await signing).token).iat).toBe(START + LEASE + 2);
  });
});

describe("the lease is not extended", () => {
  it("by a wall clock that jumps backward", async () => {
    const node = await openAlone();
    node.store.down = true;
    node.clock.advance(LEASE + 1);
    for (const wall of [START, START - 86_400]) {
      node.clock.wall = wall;
      expect(await signs(node)).toBe(false);
    }
  });

  it("by a pause in which only one of the clocks went on", async () => {
    const node = await openAlone();
    node.store.down = true;
    node.clock.sinceBoot += LEASE + 1;
    expect(await signs(node)).toBe(false);
    node.clock.sinceBoot -= LEASE + 1;
    expect(await signs(node)).toBe(true);
    node.clock.wall += LEASE + 1;
    expect(await signs(node)).toBe(false);
  });

  it("by the time that reading the store took", async () => {
    const node = await openAlone();
    const load = node.store.delayNextLoad();
    const refreshing = node.keys.refresh();
    await load.reached;
    node.clock.advance(LEASE);
    load.release();
    await refreshing;
    expect(node.keys.status().leaseAgeSeconds).toBe(LEASE);
    node.store.down = true;
    node.clock.advance(1);
    expect(await signs(node)).toBe(false);
  });

  it("by the time that a commit took", async () => {
    const node = await openAlone();
    const commit = node.store.delayNextReplace();
    const pausing = node.keys.pause();
    await commit.reached;
    node.clock.advance(LEASE);
    commit.release();
    await pausing;
    node.store.down = true;
    expect(await signs(node)).toBe(true);
    node.clock.advance(1);
    expect(await signs(node)).toBe(false);
  });

  it("by a read that is refused", async () => {
    const node = await openAlone();
    const old = node.place.newest();
    await node.keys.pause();
    node.clock.advance(LEASE);
    node.store.lagsAt = old;
    expect(await codeOf(node.keys.refresh())).toBe("ring_rolled_back");
    node.clock.advance(1);
    await expect(node.keys.sign({})).rejects.toMatchObject({
      code: "ring_stale",
      cause: { code: "ring_rolled_back" },
    });
  });
});

describe("the lease is renewed", () => {
  it("by the later of two reads, whichever answer comes last", async () => {
    const { keys, store, clock } = await openAlone();
    const load = store.delayNextLoad();
    const slow = keys.refresh();
    await load.reached;
    clock.advance(100);
    await keys.refresh();
    load.release();
    await slow;
    expect(keys.status().leaseAgeSeconds).toBe(0);
  });

  it("by every refresh, tick and command", async () => {
    const node = await openAlone();
    for (const look of [
      () => node.keys.refresh(),
      () => settle(node),
      () => node.keys.pause(),
      () => node.keys.pause(),
    ]) {
      node.clock.advance(100);
      await look();
      expect(node.keys.status().leaseAgeSeconds).toBe(0);
    }
  });
});
