import { beforeEach, describe, expect, it } from "vitest";
import type { Place } from "./faulty-store.ts";
import {
  kidIn,
  kidsIn,
  openAlone,
  openFleet,
  openNode,
  pass,
  recordsOf,
  SHORT,
  settle,
  type TestNode,
} from "./fleet.ts";
import { manualClock, START } from "./manual-clock.ts";

const EMIT_HOLD = 1200;
const RETIRE_HOLD = 1200;
const MONTH = 30 * 86_400;

let node: TestNode & { place: Place };
beforeEach(async () => {
  node = await openAlone();
});

describe("a tick", () => {
  it("writes nothing while nothing is due, and says what will be", async () => {
    const { replace } = node.store.calls;
    for (const wait of [0, 1, 86_400, MONTH - 86_402]) {
      node.clock.advance(wait);
      expect(await node.keys.tick()).toEqual({ step: null, blocked: null, nextDueAt: START + MONTH });
    }
    expect(node.store.calls.replace).toBe(replace);
  });

  it("takes one step, of however many are due", async () => {
    const [first, second] = [kidIn(node.keys, "emitting"), kidIn(node.keys, "accepted")];
    await pass(node, MONTH);
    expect(await node.keys.tick()).toMatchObject({
      step: { step: "emit", kid: second, dueAt: START + MONTH },
    });
    expect(node.keys.status()).toMatchObject({ generation: 2, emitter: second });

    expect(await node.keys.tick()).toMatchObject({ step: { step: "accept", alg: "ES256" } });
    expect(await node.keys.tick()).toEqual({
      step: null,
      blocked: null,
      nextDueAt: START + MONTH + RETIRE_HOLD,
    });

    await pass(node, RETIRE_HOLD);
    expect(await node.keys.tick()).toMatchObject({
      step: { step: "revoke", kid: first, because: "retired" },
    });
    expect(node.keys.status().revoked).toEqual([
      { kid: first, revokedAt: START + MONTH + RETIRE_HOLD, revokedBecause: "retired" },
    ]);
    expect((await recordsOf(node.place)).map(({ event }) => event)).toEqual([
      "init",
      "emit",
      "accept",
      "revoke",
    ]);
  });

  it("takes what it promised at the second it promised it, not one earlier", async () => {
    for (const step of ["emit", "accept", "revoke"]) {
      const { nextDueAt } = node.keys.status();
      await pass(node, (nextDueAt as number) - node.clock.now() - 1);
      if (step !== "accept") expect((await node.keys.tick()).step).toBeNull();
      await pass(node, 1);
      expect((await node.keys.tick()).step?.step).toBe(step);
    }
  });

  it("makes one step of a due one, when two nodes tick at the same instant", async () => {
    const { nodes, place, clock } = await openFleet(2);
    clock.advance(MONTH);
    await Promise.all(nodes.map(({ keys }) => keys.refresh()));
    await Promise.all(nodes.map(({ keys }) => keys.tick()));
    await Promise.all(nodes.map(({ keys }) => keys.tick()));
    expect((await recordsOf(place)).map(({ event }) => event)).toEqual(["init", "emit", "accept"]);
  });

  it("reports for each of several at once on one node what it did itself", async () => {
    await pass(node, MONTH);
    const ticks = await Promise.all([node.keys.tick(), node.keys.tick(), node.keys.tick()]);
    expect(ticks.map(({ step }) => step?.step ?? null)).toEqual(["emit", "accept", null]);
  });

  it("never reports a step that was blocked, however ticks on one node overlap", async () => {
    const odd = await openNode(node.place, { clock: node.clock, policy: { tokenSeconds: 600 } });
    await pass(odd, MONTH);
    const ticks = [odd.keys.tick()];
    for (let turn = 0; turn < 300; turn++) {
      await null;
      if (turn % 7 === 0) ticks.push(odd.keys.tick());
    }
    const results = await Promise.all(ticks);
    for (const result of results) expect(result).toMatchObject({ step: null, blocked: "policy_mismatch" });
  });

  it("rejects with the store's error when the ring cannot be read, and the next one goes on", async () => {
    await pass(node, MONTH);
    node.store.down = true;
    await expect(node.keys.tick()).rejects.toMatchObject({ code: "store_unavailable" });
    node.store.down = false;
    expect((await node.keys.tick()).step?.step).toBe("emit");
  });
});

describe("after a long downtime", () => {
  it("each step keeps its full hold", async () => {
    const clock = manualClock();
    const late = await openAlone({ clock, policy: { ...SHORT, standby: false } });
    const first = kidIn(late.keys, "emitting");
    await pass(late, 100_000);

    expect(await settle(late)).toEqual(["accept"]);
    await pass(late, 13);
    expect(await settle(late)).toEqual([]);
    await pass(late, 1);
    expect(await settle(late)).toEqual(["emit"]);
    await pass(late, 5);
    expect(await settle(late)).toEqual([]);
    // The next successor is due 14 s before the turnover, the first key's revoke 14 s after it.
    await pass(late, 1);
    expect(await settle(late)).toEqual(["accept"]);
    await pass(late, 7);
    expect(await settle(late)).toEqual([]);
    await pass(late, 1);
    expect(await settle(late)).toEqual(["revoke"]);
    expect(late.keys.status().revoked.map(({ kid }) => kid)).toEqual([first]);
  });

  it("the steps missed are not caught up with: one turnover, not many", async () => {
    const late = await openAlone({ policy: SHORT });
    await pass(late, 100_000);
    expect(await settle(late)).toEqual(["emit", "accept"]);
    await pass(late, 14);
    expect(await settle(late)).toEqual(["revoke"]);
    await pass(late, 5);
    expect(await settle(late)).toEqual([]);
    await pass(late, 1);
    expect(await settle(late)).toEqual(["emit", "accept"]);
  });

  it("a node that starts anew goes on where the ring is", async () => {
    await pass(node, MONTH);
    expect(await settle(node)).toEqual(["emit", "accept"]);
    node.clock.advance(MONTH);
    const restarted = await openNode(node.place, { clock: node.clock });
    expect(await settle(restarted)).toEqual(["emit", "accept", "revoke"]);
  });
});

describe("a node whose policy is not the ring's", () => {
  let odd: TestNode;
  beforeEach(async () => {
    odd = await openNode(node.place, { clock: node.clock, policy: { tokenSeconds: 600 } });
    await pass(odd, MONTH);
  });

  it("signs by the ring's policy, but takes no step and says why", async () => {
    expect((await odd.keys.sign({}, { expiresInSeconds: 900 })).kid).toBe(kidIn(odd.keys, "emitting"));
    const { replace } = odd.store.calls;
    expect(await odd.keys.tick()).toMatchObject({ step: null, blocked: "policy_mismatch" });
    expect(odd.store.calls.replace).toBe(replace);
    expect(odd.keys.status()).toMatchObject({ policyMatches: false, blocked: "policy_mismatch" });
    expect(odd.events.at(-1)).toEqual({ type: "step_blocked", because: "policy_mismatch" });
  });

  it("is not blocked while nothing is due", async () => {
    await node.keys.refresh();
    await settle(node);
    expect(await odd.keys.tick()).toMatchObject({ step: null, blocked: null });
    expect(odd.keys.status()).toMatchObject({ policyMatches: false, blocked: null });
  });

  it("steps again once its policy is applied, from when on the others' is the odd one", async () => {
    const strict = await openNode(node.place, { clock: node.clock, policy: {} });
    await odd.keys.applyPolicy({ tokenSeconds: 600 });
    expect(odd.keys.status().policyMatches).toBe(true);
    await strict.keys.refresh();
    expect(await strict.keys.tick()).toMatchObject({ step: null, blocked: "policy_mismatch" });
    expect(await settle(odd)).toEqual(["emit", "accept"]);
    await node.keys.refresh();
    expect(node.keys.status()).toMatchObject({ policyMatches: true, policy: { tokenSeconds: 600 } });
  });

  it("is none that was configured with no policy, even after it has applied one", async () => {
    await node.keys.applyPolicy({ tokenSeconds: 300 });
    await odd.keys.applyPolicy({ tokenSeconds: 600 });
    await node.keys.refresh();
    expect(node.keys.status().policyMatches).toBe(true);
    expect(await settle(node)).toEqual(["emit", "accept"]);
  });

  it("steps again once the ring's policy is applied to it", async () => {
    await odd.keys.applyPolicy({});
    expect(odd.keys.status().policyMatches).toBe(true);
    expect(await settle(odd)).toEqual(["emit", "accept"]);
  });
});

describe("a paused ring", () => {
  it("takes no step of its own until resumed, and signs on", async () => {
    await node.keys.pause();
    await pass(node, MONTH + 86_400);
    expect(await node.keys.tick()).toEqual({ step: null, blocked: null, nextDueAt: null });
    expect((await node.keys.sign({})).kid).toBe(kidIn(node.keys, "emitting"));
    await node.keys.resume();
    expect(await settle(node)).toEqual(["emit", "accept"]);
  });

  it("carries out the rotation that an operator asks for, and nothing after it", async () => {
    await node.keys.pause();
    await node.keys.rotate();
    await pass(node, EMIT_HOLD);
    expect(await settle(node)).toEqual(["emit"]);
    await pass(node, RETIRE_HOLD);
    expect(await settle(node)).toEqual([]);
    expect(kidsIn(node.keys, "retiring")).toHaveLength(1);
  });
});

describe("a wall clock behind the last commit", () => {
  it("blocks the steps beyond the skew tolerated, and not within", async () => {
    await pass(node, MONTH);
    expect((await node.keys.tick()).step?.step).toBe("emit");
    node.clock.wall -= 31;
    expect(await node.keys.tick()).toMatchObject({ step: null, blocked: "clock_backward" });
    expect(node.keys.status().blocked).toBe("clock_backward");
    node.clock.wall += 1;
    expect(await node.keys.tick()).toMatchObject({ step: { step: "accept" }, blocked: null });
    expect(node.keys.status().blocked).toBeNull();
  });
});
