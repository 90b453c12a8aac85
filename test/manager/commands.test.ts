import { beforeEach, describe, expect, it } from "vitest";
import type { Command } from "../../src/manager/commands.ts";
import type { Place } from "./faulty-store.ts";
import {
  codeOf,
  kidIn,
  kidsIn,
  openAlone,
  openNode,
  pass,
  publishedKids,
  recordsOf,
  settle,
  type TestNode,
} from "./fleet.ts";
import { START } from "./manual-clock.ts";

const HOLD = 1200;

let node: TestNode & { place: Place };
let first: string;
let second: string;
beforeEach(async () => {
  node = await openAlone();
  first = kidIn(node.keys, "emitting");
  second = kidIn(node.keys, "accepted");
});

describe("rotate", () => {
  it("makes a matured successor emit at once", async () => {
    await pass(node, HOLD);
    expect(await node.keys.rotate()).toEqual({
      changed: true,
      generation: 2,
      emitter: second,
      rotation: "emitted",
      emitsAt: null,
    });
    expect((await node.keys.sign({})).kid).toBe(second);
    expect(publishedKids(node.keys)).toEqual([first, second]);
  });

  it("waits for a successor whose hold has not passed, and says until when", async () => {
    await pass(node, HOLD - 1);
    expect(await node.keys.rotate()).toEqual({
      changed: true,
      generation: 2,
      emitter: first,
      rotation: "scheduled",
      emitsAt: START + HOLD,
    });
    expect(await settle(node)).toEqual([]);
    await pass(node, 1);
    expect(await settle(node)).toEqual(["emit", "accept"]);
    expect(node.keys.status()).toMatchObject({ emitter: second, rotateRequestedAt: null });
  });

  it("waits for a successor that is still to be made where there is no standby", async () => {
    const bare = await openAlone({ policy: { standby: false } });
    expect(await bare.keys.rotate()).toMatchObject({ rotation: "scheduled", emitsAt: null });
    expect(await settle(bare)).toEqual(["accept"]);
    expect(await bare.keys.rotate()).toMatchObject({ changed: false, emitsAt: START + HOLD });
    await pass(bare, HOLD);
    expect(await settle(bare)).toEqual(["emit"]);
  });

  it("given twice is the same as once, while it waits", async () => {
    await node.keys.rotate();
    const again = {
      changed: false,
      generation: 2,
      emitter: first,
      rotation: "in_progress",
      emitsAt: START + HOLD,
    };
    expect(await node.keys.rotate()).toEqual(again);
    await pass(node, 600);
    expect(await node.keys.rotate()).toEqual(again);
  });

  it("given twice is the same as once, when it is done", async () => {
    await pass(node, HOLD);
    await node.keys.rotate();
    await settle(node);
    const again = { changed: false, generation: 3, emitter: second, rotation: "just_done", emitsAt: null };
    expect(await node.keys.rotate()).toEqual(again);
    await pass(node, HOLD - 1);
    expect(await node.keys.rotate()).toEqual(again);
    await pass(node, 1);
    expect(await node.keys.rotate()).toMatchObject({ changed: true, rotation: "emitted" });
  });

  it("given by two nodes at the same instant is one rotation", async () => {
    const other = await openNode(node.place, { clock: node.clock });
    await pass(node, HOLD);
    await other.keys.refresh();
    const outcomes = await Promise.all([node.keys.rotate(), other.keys.rotate()]);
    expect(outcomes.map(({ rotation }) => rotation).sort()).toEqual(["emitted", "just_done"]);
    expect(node.place.history).toHaveLength(2);
  });

  it("works while the ring is paused", async () => {
    await node.keys.pause();
    await pass(node, HOLD);
    expect(await node.keys.rotate()).toMatchObject({ rotation: "emitted" });
  });
});

describe("rollback", () => {
  it("makes the key that retired last emit again, and the failed one retire", async () => {
    await pass(node, HOLD);
    await node.keys.rotate();
    const { token } = await node.keys.sign({});
    await pass(node, 60);
    expect(await node.keys.rollback({ reason: "clients reject it" })).toEqual({
      changed: true,
      generation: 3,
      emitter: first,
    });
    expect((await node.keys.sign({})).kid).toBe(first);
    expect(kidsIn(node.keys, "retiring")).toEqual([second]);
    expect(token).toBeDefined();
    await pass(node, HOLD - 1);
    expect(publishedKids(node.keys)).toContain(second);
    await pass(node, 1);
    expect(publishedKids(node.keys)).not.toContain(second);
  });

  it("given twice is the same as once", async () => {
    await pass(node, HOLD);
    await node.keys.rotate();
    await node.keys.rollback({ reason: "clients reject it" });
    expect(await node.keys.rollback({ reason: "again" })).toEqual({
      changed: false,
      generation: 3,
      emitter: first,
    });
  });

  it("is impossible where nothing has retired, or what retired has gone", async () => {
    expect(await codeOf(node.keys.rollback({ reason: "too early" }))).toBe("rollback_impossible");
    await pass(node, HOLD);
    await node.keys.rotate();
    await pass(node, HOLD);
    expect(await codeOf(node.keys.rollback({ reason: "too late" }))).toBe("rollback_impossible");
    expect(node.place.history).toHaveLength(2);
  });

  it("never makes the failed key emit again", async () => {
    await pass(node, HOLD);
    await node.keys.rotate();
    await settle(node);
    await node.keys.rollback({ reason: "clients reject it" });
    const emitters = new Set<string>();
    for (let day = 0; day < 90; day++) {
      await pass(node, 86_400);
      await settle(node);
      emitters.add(node.keys.status().emitter);
    }
    expect(emitters.size).toBeGreaterThan(2);
    expect(emitters).not.toContain(second);
  });
});

describe("pause and resume", () => {
  it("given twice are the same as once", async () => {
    expect(await node.keys.resume()).toEqual({ changed: false, generation: 1, emitter: first });
    expect(await node.keys.pause()).toEqual({ changed: true, generation: 2, emitter: first });
    node.clock.advance(60);
    expect(await node.keys.pause()).toEqual({ changed: false, generation: 2, emitter: first });
    expect(node.keys.status().pausedAt).toBe(START);
    expect(await node.keys.resume()).toEqual({ changed: true, generation: 3, emitter: first });
    expect(node.keys.status().pausedAt).toBeNull();
  });
});

describe("applyPolicy", () => {
  it("puts a policy in force for every node, once", async () => {
    expect(await node.keys.applyPolicy({ tokenSeconds: 60 })).toMatchObject({ changed: true, generation: 2 });
    expect(await node.keys.applyPolicy({ tokenSeconds: 60 })).toMatchObject({
      changed: false,
      generation: 2,
    });
    expect(await codeOf(node.keys.sign({}, { expiresInSeconds: 61 }))).toBe("lifetime_too_long");
    expect((await node.keys.sign({})).expiresAt).toBe(START + 60);
  });

  it("refuses a policy that cannot be kept, and keeps the one in force", async () => {
    expect(await codeOf(node.keys.applyPolicy({ jwksCacheSeconds: 90 }))).toBe("policy_invalid");
    expect(await codeOf(node.keys.applyPolicy({ alg: "HS256" as "ES256" }))).toBe("policy_invalid");
    expect(node.place.history).toHaveLength(1);
    expect(await settle(node)).toEqual([]);
  });

  it("changes the algorithm by an ordinary turnover", async () => {
    await node.keys.applyPolicy({ alg: "EdDSA" });
    expect(await settle(node)).toEqual(["accept"]);
    await pass(node, HOLD);
    await node.keys.rotate();
    expect(node.keys.status().alg).toBe("EdDSA");
    expect(await settle(node)).toContain("accept");
    expect(node.keys.jwks().keys.map(({ alg }) => alg)).toEqual(expect.arrayContaining(["ES256", "EdDSA"]));
  });
});

describe("a reason or an actor", () => {
  const unprintable = ["two\nlines", "tab\there", "\u001b[31mred", "nul\u0000", "del\u007f", "c1\u0085"];
  const steering = ["\u202eabc", "a\u2066b", "zero\u200bwidth", "line\u2028end", "half \ud83d"];
  const wrong = [...unprintable, ...steering, "x".repeat(501)];

  it("is not in the words that the schedule uses, which it may forget", async () => {
    for (const reason of ["retired", " superseded "]) {
      expect(await codeOf(node.keys.revoke(kidIn(node.keys, "accepted"), { reason }))).toBe("reason_invalid");
    }
  });

  it("is required where trust is taken away", async () => {
    for (const reason of ["", "   ", undefined]) {
      const command = { reason } as Command & { reason: string };
      expect(await codeOf(node.keys.revoke(second, command))).toBe("reason_invalid");
      expect(await codeOf(node.keys.rollback(command))).toBe("reason_invalid");
    }
    expect(node.place.history).toHaveLength(1);
  });

  for (const text of wrong) {
    it(`is refused as ${JSON.stringify(text.slice(0, 20))}, by every command and before any commit`, async () => {
      const { keys } = node;
      const commands = [
        (command: Command & { reason: string }) => keys.revoke(second, command),
        (command: Command & { reason: string }) => keys.rollback(command),
        (command: Command) => keys.rotate(command),
        (command: Command) => keys.pause(command),
        (command: Command) => keys.resume(command),
        (command: Command) => keys.rewrap(command),
        (command: Command) => keys.applyPolicy({ tokenSeconds: 60 }, command),
      ];
      for (const give of commands) {
        expect(await codeOf(give({ reason: text }))).toBe("reason_invalid");
        expect(await codeOf(give({ reason: "sound", actor: text }))).toBe("reason_invalid");
      }
      expect(node.place.history).toHaveLength(1);
    });
  }

  it("is recorded as given, without the white space around it", async () => {
    const longest = "é".repeat(500);
    await node.keys.pause({ actor: "ada 🔑", reason: longest });
    await node.keys.resume({ reason: "  läuft wieder\n" });
    expect(await recordsOf(node.place)).toMatchObject([
      {},
      { event: "pause", actor: "ada 🔑", reason: longest },
      { event: "resume", actor: "operator", reason: "läuft wieder" },
    ]);
  });
});
