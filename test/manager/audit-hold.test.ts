import { beforeEach, describe, expect, it } from "vitest";
import type { AuditRoom } from "../../src/ring/audit-room.ts";
import type { Place } from "./faulty-store.ts";
import { codeOf, KEK, kidIn, OTHER_KEK, openAlone, openNode, pass, settle, type TestNode } from "./fleet.ts";

let room: AuditRoom;
let node: TestNode & { place: Place };

beforeEach(async () => {
  room = "ample";
  node = await openAlone({ auditRoom: async () => room });
});

const MONTH = 30 * 86_400;

describe("audit sinks with little room left", () => {
  beforeEach(() => {
    room = "scarce";
  });

  it("refuse every command that changes something, but for a revoke", async () => {
    const { keys } = node;
    await pass(node, 1300);
    const refused = {
      rotate: () => keys.rotate(),
      pause: () => keys.pause(),
      applyPolicy: () => keys.applyPolicy({ tokenSeconds: 600 }),
    };
    for (const [name, command] of Object.entries(refused)) {
      expect(await codeOf(command()), name).toBe("audit_backlog");
    }
    expect(keys.status().generation).toBe(1);
    await keys.revoke(kidIn(keys, "emitting"), { reason: "leaked" });
    expect(keys.status().generation).toBe(2);
  });

  it("refuse a rollback, a resume and a rewrap as well", async () => {
    room = "ample";
    await pass(node, MONTH);
    await settle(node);
    await node.keys.pause();
    room = "scarce";
    expect(await codeOf(node.keys.rollback({ reason: "clients reject it" }))).toBe("audit_backlog");
    expect(await codeOf(node.keys.resume())).toBe("audit_backlog");
    const both = await openNode(node.place, {
      kek: OTHER_KEK,
      previousKek: KEK,
      auditRoom: async () => room,
      clock: node.clock,
    });
    expect(await codeOf(both.keys.rewrap())).toBe("audit_backlog");
  });

  it("do not refuse what changes nothing", async () => {
    expect(await node.keys.resume()).toMatchObject({ changed: false });
    expect(await node.keys.applyPolicy({})).toMatchObject({ changed: false });
  });

  it("let the schedule go on", async () => {
    await pass(node, MONTH);
    expect(await settle(node)).toEqual(["emit", "accept"]);
  });
});

describe("audit sinks with no room left", () => {
  beforeEach(() => {
    room = "none";
  });

  it("stop the schedule, and that is told", async () => {
    await pass(node, MONTH);
    expect(await node.keys.tick()).toMatchObject({ step: null, blocked: "audit_backlog" });
    expect(node.keys.status()).toMatchObject({ generation: 1, blocked: "audit_backlog" });
    expect(node.events).toContainEqual({ type: "step_blocked", because: "audit_backlog" });
    room = "scarce";
    expect(await settle(node)).toEqual(["emit", "accept"]);
    expect(node.keys.status().blocked).toBeNull();
  });

  it("never stop an emergency, signing or the JWKS", async () => {
    const { keys } = node;
    const emitter = kidIn(keys, "emitting");
    await keys.revoke(emitter, { reason: "leaked" });
    expect(keys.jwks().keys.map(({ kid }) => kid)).not.toContain(emitter);
    expect((await keys.sign({ sub: "user-1" })).kid).not.toBe(emitter);
    await keys.revoke(kidIn(keys, "emitting"), { reason: "leaked too" });
    expect(keys.status().generation).toBe(3);
  });

  it("do not hinder a new ring", async () => {
    const { keys } = await openAlone({ auditRoom: async () => "none" });
    expect(keys.status().generation).toBe(1);
  });
});

describe("the room", () => {
  it("is asked of the ring that the change is made to, not of an older one", async () => {
    const asked: number[] = [];
    const slow = await openNode(node.place, {
      clock: node.clock,
      auditRoom: async ({ generation }) => {
        asked.push(generation);
        return "ample";
      },
    });
    await node.keys.pause();
    await node.keys.resume();
    await slow.keys.pause();
    expect(asked).toEqual([3]);
  });
});
