import { beforeEach, describe, expect, it } from "vitest";
import type { Place } from "./faulty-store.ts";
import { kidIn, openAlone, openNode, pass, settle, type TestNode } from "./fleet.ts";

/** The witness tolerates the grain of the wall clock. */
const TOLERANCE = 1;
const HOLD = 1200;
const DAY = 86_400;

let node: TestNode & { place: Place };
beforeEach(async () => {
  node = await openAlone();
});

/** The wall clock jumps; no time has passed. */
async function jump(seconds: number): Promise<void> {
  node.clock.wall += seconds;
  await node.keys.refresh();
}

describe("a wall clock that jumps forward", () => {
  it("does not end the emit hold; the monotonic clock does", async () => {
    const standby = kidIn(node.keys, "accepted");
    await jump(31 * DAY);
    expect(await node.keys.tick()).toMatchObject({ step: null, blocked: "clock_forward" });
    expect(node.keys.status()).toMatchObject({ blocked: "clock_forward", generation: 1 });
    expect(node.events.at(-1)).toEqual({ type: "step_blocked", because: "clock_forward" });

    await pass(node, HOLD - TOLERANCE - 1);
    expect(await node.keys.tick()).toMatchObject({ step: null, blocked: "clock_forward" });
    await pass(node, 1);
    expect(await node.keys.tick()).toMatchObject({ step: { step: "emit", kid: standby }, blocked: null });
    expect(node.keys.status().blocked).toBeNull();
  });

  it("does not end the retire hold; the monotonic clock does", async () => {
    await pass(node, 30 * DAY);
    expect(await settle(node)).toEqual(["emit", "accept"]);
    const retiring = kidIn(node.keys, "retiring");
    await jump(DAY);
    expect(await node.keys.tick()).toMatchObject({ step: null, blocked: "clock_forward" });
    await pass(node, HOLD - TOLERANCE - 1);
    expect(await node.keys.tick()).toMatchObject({ step: null, blocked: "clock_forward" });
    await pass(node, 1);
    expect(await node.keys.tick()).toMatchObject({ step: { step: "revoke", kid: retiring } });
  });

  it("does not end a hold that a command has only just begun", async () => {
    await pass(node, HOLD);
    await node.keys.rotate();
    expect(kidIn(node.keys, "retiring")).toBeDefined();
    node.clock.wall += DAY;
    expect(await node.keys.tick()).toMatchObject({ step: null, blocked: "clock_forward" });
    await pass(node, HOLD - TOLERANCE);
    expect(await settle(node)).toEqual(["accept", "revoke"]);
  });

  it("does not end a hold that another node's commit began, once this node has seen it", async () => {
    const other = await openNode(node.place, { clock: node.clock });
    await pass(node, HOLD);
    await other.keys.refresh();
    await other.keys.rotate();
    await node.keys.refresh();
    node.clock.wall += DAY;
    expect(await node.keys.tick()).toMatchObject({ step: null, blocked: "clock_forward" });
  });

  it("makes rotate wait for the hold, and asking again changes nothing", async () => {
    const standby = kidIn(node.keys, "accepted");
    await jump(DAY);
    expect(await node.keys.rotate()).toMatchObject({ changed: true, rotation: "scheduled", generation: 2 });
    expect(await node.keys.rotate()).toMatchObject({
      changed: false,
      rotation: "in_progress",
      generation: 2,
    });
    expect(await node.keys.tick()).toMatchObject({ step: null, blocked: "clock_forward" });
    await pass(node, HOLD - TOLERANCE);
    expect(await node.keys.tick()).toMatchObject({ step: { step: "emit", kid: standby } });
  });

  it("holds up a step that waits for no hold too: what it wrote would be of another day", async () => {
    await node.keys.revoke(kidIn(node.keys, "accepted"), { reason: "make room" });
    await jump(DAY);
    expect(await node.keys.tick()).toMatchObject({ step: null, blocked: "clock_forward" });
    await jump(-DAY);
    expect(await node.keys.tick()).toMatchObject({ step: { step: "accept" } });
  });

  it("does not turn over before the time, though the successor is long mature", async () => {
    await pass(node, 2 * HOLD);
    await jump(31 * DAY);
    expect(await node.keys.tick()).toMatchObject({ step: null, blocked: "clock_forward" });
    await jump(-31 * DAY);
    expect(await node.keys.tick()).toMatchObject({ step: null, blocked: null });
    await pass(node, 30 * DAY);
    expect(await settle(node)).toEqual(["emit", "accept"]);
  });

  it("and stays there is believed after an emit hold", async () => {
    await pass(node, 2 * HOLD);
    await jump(31 * DAY);
    await pass(node, HOLD - TOLERANCE - 1);
    expect(await node.keys.tick()).toMatchObject({ step: null, blocked: "clock_forward" });
    await pass(node, 1);
    expect(await settle(node)).toEqual(["emit", "accept"]);
  });

  it("slowly, as clocks drift, is not jumping", async () => {
    for (let hours = 0; hours < 30 * 24; hours++) {
      await jump(20);
      await pass(node, 3600);
    }
    expect(await settle(node)).toEqual(["emit", "accept"]);
  });

  it("and back again leaves no mark", async () => {
    await jump(31 * DAY);
    await node.keys.tick();
    await jump(-31 * DAY);
    expect(await node.keys.tick()).toMatchObject({ step: null, blocked: null });
    await pass(node, 30 * DAY);
    expect(await settle(node)).toEqual(["emit", "accept"]);
  });
});

describe("a ring from the future", () => {
  it("is told of, though no step is due for a year", async () => {
    await pass(node, 2 * HOLD);
    await jump(365 * DAY);
    await pass(node, HOLD);
    expect(await settle(node)).toEqual(["emit", "accept"]);
    await jump(-365 * DAY);
    expect(await node.keys.tick()).toMatchObject({ step: null, blocked: "clock_backward" });
    expect(node.keys.status()).toMatchObject({ blocked: "clock_backward" });
  });
});

describe("a monotonic clock that stood still while the machine slept", () => {
  it("makes the node wait out the hold that it cannot attest, and no longer", async () => {
    node.clock.wall += 31 * DAY;
    expect(await node.keys.tick()).toMatchObject({ blocked: "clock_forward" });
    await pass(node, HOLD);
    expect(await settle(node)).toEqual(["emit", "accept"]);
  });
});

describe("what passed before the process started", () => {
  it("is taken from the wall clock", async () => {
    node.clock.advance(30 * DAY);
    const started = await openNode(node.place, { clock: node.clock });
    expect(await settle(started)).toEqual(["emit", "accept"]);
  });
});
