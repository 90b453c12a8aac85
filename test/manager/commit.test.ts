import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { verifyChain } from "../../src/ring/audit.ts";
import type { Place } from "./faulty-store.ts";
import { codeOf, kidIn, openAlone, openFleet, openNode, recordsOf, ringIn, type TestNode } from "./fleet.ts";
import type { ManualClock } from "./manual-clock.ts";

const EMIT_HOLD = 1200;

let place: Place;
let clock: ManualClock;
let one: TestNode;
let other: TestNode;
beforeEach(async () => {
  const fleet = await openFleet(2);
  ({ place, clock } = fleet);
  [one, other] = fleet.nodes as [TestNode, TestNode];
});

afterEach(async () => {
  await expectOneChain(place);
});

/** Whatever happened: generations 1, 2, 3 and so on, each with one record that names the one before. */
async function expectOneChain(there: Place): Promise<void> {
  const records = await recordsOf(there);
  expect(records.map(({ generation }) => generation)).toEqual(records.map((_, index) => index + 1));
  await verifyChain(records);
}

const eventsOf = async () => (await recordsOf(place)).map(({ event }) => event);

describe("a conflict", () => {
  it("makes the node decide again on what the other left", async () => {
    clock.advance(EMIT_HOLD);
    const standby = kidIn(one.keys, "accepted");
    one.store.beforeReplace.push(() => other.keys.revoke(standby, { reason: "weak" }));
    expect(await one.keys.rotate()).toMatchObject({ rotation: "scheduled", emitsAt: null, generation: 3 });
    expect(await eventsOf()).toEqual(["init", "revoke", "rotate_requested"]);
    expect(one.events.filter(({ type }) => type === "conflict")).toHaveLength(1);
  });

  it("leaves nothing to do for who wanted the same, and no trace of the try", async () => {
    clock.advance(EMIT_HOLD);
    one.store.beforeReplace.push(() => other.keys.rotate());
    expect(await one.keys.rotate()).toMatchObject({ changed: false, rotation: "just_done", generation: 2 });
    expect(await eventsOf()).toEqual(["init", "emit"]);
  });

  it("loses neither of two different commands given at the same instant", async () => {
    const standby = kidIn(one.keys, "accepted");
    const outcomes = await Promise.all([
      one.keys.pause({ reason: "one" }),
      other.keys.revoke(standby, { reason: "other" }),
    ]);
    expect(outcomes.map(({ changed }) => changed)).toEqual([true, true]);
    const ring = await ringIn(place.newest().document);
    expect(ring.pausedAt).not.toBeNull();
    expect(ring.tombstones.map(({ kid }) => kid)).toEqual([standby]);
    expect((await recordsOf(place)).map(({ reason }) => reason).sort()).toEqual(
      [null, "one", "other"].sort(),
    );
  });

  it("loses none of many commands that eight nodes give at the same instant", async () => {
    const nodes = await Promise.all(Array.from({ length: 8 }, () => openNode(place, { clock })));
    const outcomes = await Promise.all(
      nodes.map(({ keys }, number) =>
        keys.applyPolicy({ rotateEverySeconds: 86_400 + number }, { reason: `node ${number}` }),
      ),
    );
    expect(outcomes.every(({ changed }) => changed)).toBe(true);
    const reasons = (await recordsOf(place)).flatMap(({ reason }) => reason ?? []);
    expect(reasons.sort()).toEqual(nodes.map((_, number) => `node ${number}`));
  });

  it("is given up as conflict after 20 in a row, with nothing written and the node as before", async () => {
    one.store.commitFaults.push(...Array.from({ length: 20 }, () => "conflict" as const));
    const { replace } = one.store.calls;
    await expect(one.keys.pause()).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("20 times"),
      fix: expect.stringContaining("Try again"),
    });
    expect(one.store.calls.replace).toBe(replace + 20);
    expect(place.history).toHaveLength(1);
    expect(await one.keys.pause()).toMatchObject({ changed: true, generation: 2 });
  });

  it("is survived 19 times in a row", async () => {
    one.store.commitFaults.push(...Array.from({ length: 19 }, () => "conflict" as const));
    expect(await one.keys.pause()).toMatchObject({ changed: true, generation: 2 });
  });
});

describe("a commit of unknown outcome", () => {
  const reconciled = () =>
    one.events.flatMap((event) => (event.type === "commit_reconciled" ? [event.committed] : []));

  it("is recognised as done when it was, and not done again", async () => {
    one.store.commitFaults.push("unknown_committed");
    expect(await one.keys.pause({ reason: "once" })).toMatchObject({ changed: true, generation: 2 });
    expect(await eventsOf()).toEqual(["init", "pause"]);
    expect(reconciled()).toEqual([true]);
  });

  it("is recognised as done when others have gone on from it", async () => {
    clock.advance(EMIT_HOLD);
    one.store.commitFaults.push("unknown_committed");
    one.store.afterUnknown = () => other.keys.pause();
    expect(await one.keys.rotate()).toMatchObject({ changed: true, rotation: "emitted", generation: 3 });
    expect(await eventsOf()).toEqual(["init", "emit", "pause"]);
    expect(reconciled()).toEqual([true]);
  });

  it("is tried again when it was not done", async () => {
    one.store.commitFaults.push("unknown_not_committed", "unknown_not_committed");
    expect(await one.keys.pause()).toMatchObject({ changed: true, generation: 2 });
    expect(await eventsOf()).toEqual(["init", "pause"]);
    expect(reconciled()).toEqual([false, false]);
  });

  it("is tried again after a longer history, too, whose records are not taken for its own", async () => {
    await one.keys.pause();
    await one.keys.resume();
    one.store.commitFaults.push("unknown_not_committed");
    expect(await one.keys.pause()).toMatchObject({ changed: true, generation: 4 });
    expect(reconciled()).toEqual([false]);
  });

  it("is decided again when it was not done and another node came first", async () => {
    one.store.commitFaults.push("unknown_not_committed");
    one.store.afterUnknown = () => other.keys.pause({ actor: "other" });
    expect(await one.keys.pause({ actor: "one" })).toMatchObject({ changed: false, generation: 2 });
    expect(await eventsOf()).toEqual(["init", "pause"]);
  });

  it("is not taken for the other node's, whose record of the same second reads the same", async () => {
    one.store.commitFaults.push("unknown_not_committed");
    one.store.afterUnknown = () => other.keys.applyPolicy({ tokenSeconds: 600 });
    expect(await one.keys.applyPolicy({ tokenSeconds: 300 })).toMatchObject({ changed: true });
    expect(await eventsOf()).toEqual(["init", "policy_changed", "policy_changed"]);
    expect((await ringIn(place.newest().document)).policy.tokenSeconds).toBe(300);
  });

  it("is recognised as done when another policy has followed it", async () => {
    one.store.commitFaults.push("unknown_committed");
    one.store.afterUnknown = () => other.keys.applyPolicy({ tokenSeconds: 600 });
    expect(await one.keys.applyPolicy({ tokenSeconds: 300 })).toMatchObject({ changed: true, generation: 3 });
    expect((await ringIn(place.newest().document)).policy.tokenSeconds).toBe(600);
  });

  it("stays commit_unknown when the store is down afterwards, and repeating the command settles it", async () => {
    for (const fault of ["unknown_committed", "unknown_not_committed"] as const) {
      one.store.commitFaults.push(fault);
      one.store.afterUnknown = () => {
        one.store.down = true;
      };
      await expect(one.keys.pause()).rejects.toMatchObject({
        code: "commit_unknown",
        message: expect.stringContaining("may or may not"),
        fix: expect.stringContaining("repeat the command"),
        cause: { code: "store_unavailable" },
      });
      one.store.down = false;
      await one.keys.pause();
      await one.keys.resume();
    }
    expect(await eventsOf()).toEqual(["init", "pause", "resume", "pause", "resume"]);
  });

  it("is recognised as done when it arrives late, just before it is tried again", async () => {
    one.store.commitFaults.push("unknown_late");
    expect(await one.keys.pause()).toMatchObject({ changed: true, generation: 2 });
    expect(await eventsOf()).toEqual(["init", "pause"]);
    expect(reconciled()).toEqual([false, true]);
  });

  it("is recognised as done when it arrives late, after the answer to a second try was lost too", async () => {
    one.store.commitFaults.push("unknown_late", "unknown_not_committed");
    one.store.afterUnknown = () => clock.advance(1);
    expect(await one.keys.pause()).toMatchObject({ changed: true, generation: 2 });
    expect(await eventsOf()).toEqual(["init", "pause"]);
  });

  it("is recognised as done when the node first reads a replica that has not seen it", async () => {
    const stale = place.newest();
    one.store.commitFaults.push("unknown_committed");
    one.store.afterUnknown = () => one.store.staleReads.push(stale);
    expect(await one.keys.revoke(kidIn(one.keys, "emitting"), { reason: "leaked" })).toMatchObject({
      changed: true,
      earlyEmit: true,
    });
    expect(await eventsOf()).toEqual(["init", "revoke"]);
  });

  it("stays commit_unknown when it arrives late and the store fails before the node can see it", async () => {
    one.store.commitFaults.push("unknown_late", "unavailable");
    expect(await codeOf(one.keys.pause())).toBe("commit_unknown");
    expect(await eventsOf()).toEqual(["init", "pause"]);
  });

  it("is never called a conflict, however long the replica lags", async () => {
    const stale = place.newest();
    one.store.commitFaults.push("unknown_committed");
    one.store.afterUnknown = () => {
      one.store.lagsAt = stale;
    };
    expect(await codeOf(one.keys.pause())).toBe("commit_unknown");
    expect(await eventsOf()).toEqual(["init", "pause"]);
  });
});

describe("a commit that fails", () => {
  it("is passed on, changes nothing and can be repeated", async () => {
    one.store.commitFaults.push("unavailable");
    expect(await codeOf(one.keys.pause())).toBe("store_unavailable");
    expect(await eventsOf()).toEqual(["init"]);
    expect(one.keys.status().pausedAt).toBeNull();
    expect(await one.keys.pause()).toMatchObject({ changed: true });
  });
});

describe("commands on one node", () => {
  it("take turns, in the order in which they were given, and never conflict with each other", async () => {
    const commands = [
      one.keys.pause({ reason: "1" }),
      one.keys.resume({ reason: "2" }),
      one.keys.rotate({ reason: "3" }),
      one.keys.tick(),
      one.keys.pause({ reason: "4" }),
      one.keys.revoke(kidIn(one.keys, "accepted"), { reason: "5" }),
    ];
    await Promise.all(commands);
    expect((await recordsOf(place)).map(({ reason }) => reason)).toEqual([null, "1", "2", "3", "4", "5"]);
    expect(one.events.filter(({ type }) => type === "conflict")).toEqual([]);
  });

  it("wait for one that is slow", async () => {
    const slow = one.store.delayNextReplace();
    const pausing = one.keys.pause();
    await slow.reached;
    const { load } = one.store.calls;
    const resuming = one.keys.resume();
    await new Promise(setImmediate);
    expect(one.store.calls.load).toBe(load);
    slow.release();
    expect((await Promise.all([pausing, resuming])).map(({ generation }) => generation)).toEqual([2, 3]);
  });

  it("go on after one that failed", async () => {
    const outcomes = await Promise.all([
      codeOf(one.keys.rollback({ reason: "nothing to go back to" })),
      codeOf(one.keys.revoke("unknown", { reason: "typing mistake" })),
      codeOf(one.keys.pause()),
    ]);
    expect(outcomes).toEqual(["rollback_impossible", "kid_unknown", "none"]);
  });
});

describe("the audit tail", () => {
  it("keeps the newest 32 records of a chain that goes on without a gap", async () => {
    for (let round = 0; round < 20; round++) {
      await one.keys.pause();
      await other.keys.resume();
    }
    const records = await recordsOf(place);
    expect(records).toHaveLength(41);
    expect((await ringIn(place.newest().document)).auditTail).toEqual(records.slice(-32));
  });

  it("dates no commit before the one it follows, whatever the node's clock says", async () => {
    const { keys } = await openAlone();
    const at = keys.ring().committedAt;
    clock.wall -= 3600;
    await one.keys.pause();
    expect((await recordsOf(place)).map((record) => record.at)).toEqual([at, at]);
  });
});
