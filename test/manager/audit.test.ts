import { beforeEach, describe, expect, it } from "vitest";
import { type AuditRecord, verifyChain } from "../../src/ring/audit.ts";
import type { Place } from "./faulty-store.ts";
import {
  KEK,
  kidIn,
  OTHER_KEK,
  openAlone,
  openNode,
  pass,
  recordsOf,
  settle,
  type TestNode,
} from "./fleet.ts";
import { START } from "./manual-clock.ts";

const HOLD = 1200;

let node: TestNode & { place: Place };
beforeEach(async () => {
  node = await openAlone();
});

describe("the audit trail", () => {
  it("tells of every commit what was done, to which keys, by whom, when and why", async () => {
    const { keys, clock } = node;
    const by = { actor: "ada" };
    const [a, b] = [kidIn(keys, "emitting"), kidIn(keys, "accepted")];
    await keys.rotate({ ...by, reason: "drill" });
    await pass(node, HOLD);
    await settle(node);
    const c = kidIn(keys, "accepted");
    await keys.rollback({ ...by, reason: "clients reject it" });
    await keys.pause(by);
    await keys.resume();
    await keys.applyPolicy({ tokenSeconds: 600 }, by);
    await keys.revoke(a, { ...by, reason: "leaked" });
    await pass(node, HOLD);
    await settle(node);

    const manual = { trigger: "manual", actor: "ada", reason: null, oldKid: null, newKid: null };
    const automatic = { trigger: "automatic", actor: "schedule", reason: null, oldKid: null, newKid: null };
    const expected = [
      { ...automatic, event: "init", actor: "init", newKid: a, at: START },
      { ...manual, event: "rotate_requested", reason: "drill", oldKid: a, at: START },
      { ...automatic, event: "emit", oldKid: a, newKid: b, at: START + HOLD },
      { ...automatic, event: "accept", newKid: c, at: START + HOLD },
      { ...manual, event: "rollback", reason: "clients reject it", oldKid: b, newKid: a, at: START + HOLD },
      { ...manual, event: "pause", at: START + HOLD },
      { ...manual, event: "resume", actor: "operator", at: START + HOLD },
      { ...manual, event: "policy_changed", details: { tokenSeconds: 600 }, at: START + HOLD },
      {
        ...manual,
        event: "revoke",
        reason: "leaked",
        oldKid: a,
        newKid: c,
        earlyEmit: true,
        at: START + HOLD,
      },
      { ...automatic, event: "accept", newKid: kidIn(keys, "accepted"), at: clock.now() },
      { ...automatic, event: "revoke", oldKid: b, at: clock.now() },
    ];
    const records = await recordsOf(node.place);
    expect(
      records.map(
        ({ ring: _ring, generation: _generation, previous: _previous, hash: _hash, ...told }) => told,
      ),
    ).toEqual(expected);
    expect(records.map(({ generation }) => generation)).toEqual(expected.map((_, index) => index + 1));
    expect(new Set(records.map(({ ring }) => ring))).toEqual(new Set([keys.status().ring]));
    await verifyChain(records);
  });

  it("is told as events, each record once and in order", async () => {
    const { keys, events } = node;
    await pass(node, 30 * 86_400);
    await settle(node);
    await keys.pause();
    const told = events.flatMap((event) => (event.type === "ring_advanced" ? event.records : []));
    expect(told).toEqual(await recordsOf(node.place));
    expect(events.every((event) => event.type !== "ring_advanced" || event.own)).toBe(true);
  });

  it("has no record of what changed nothing", async () => {
    await node.keys.resume();
    await node.keys.applyPolicy({});
    await node.keys.rewrap();
    await settle(node);
    await node.keys.refresh();
    await node.keys.sign({});
    expect(await recordsOf(node.place)).toHaveLength(1);
  });

  it("chains a rewrap like any other commit", async () => {
    const both = await openNode(node.place, { kek: OTHER_KEK, previousKek: KEK });
    await both.keys.rewrap({ actor: "ada", reason: "yearly" });
    await both.keys.pause();
    const records = await recordsOf(node.place);
    expect(records.map(({ event }) => event)).toEqual(["init", "rewrap", "pause"]);
    expect(records[1]).toMatchObject({ actor: "ada", reason: "yearly", oldKid: null, newKid: null });
    await verifyChain(records);
  });

  it("breaks visibly when a record is changed, left out or moved", async () => {
    await node.keys.pause({ reason: "maintenance" });
    await node.keys.resume();
    const [init, pause, resume] = (await recordsOf(node.place)) as [AuditRecord, AuditRecord, AuditRecord];
    await verifyChain([init, pause, resume]);
    for (const forged of [
      [init, { ...pause, reason: "holidays" }, resume],
      [init, resume],
      [init, resume, pause],
    ]) {
      await expect(verifyChain(forged)).rejects.toMatchObject({ code: "audit_broken" });
    }
  });
});
