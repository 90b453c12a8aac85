import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Place } from "./faulty-store.ts";
import { kidIn, openFleet, recordsOf, ringIn, settle, type TestNode } from "./fleet.ts";

let place: Place;
let one: TestNode;
let other: TestNode;
beforeEach(async () => {
  const fleet = await openFleet(2);
  place = fleet.place;
  [one, other] = fleet.nodes as [TestNode, TestNode];
});

afterEach(() => {
  vi.restoreAllMocks();
});

const eventsOf = async () => (await recordsOf(place)).map(({ event }) => event);

describe("a key that a step needs", () => {
  beforeEach(async () => {
    await one.keys.revoke(kidIn(one.keys, "accepted"), { reason: "make room" });
  });

  it("is generated once, however often the step is decided again", async () => {
    const generated = vi.spyOn(crypto.subtle, "generateKey");
    one.store.commitFaults.push("conflict", "unknown_not_committed", "conflict");
    expect((await one.keys.tick()).step).toMatchObject({ step: "accept" });
    expect(generated).toHaveBeenCalledTimes(1);
  });

  it("is generated for an emergency only when nothing else can emit", async () => {
    const generated = vi.spyOn(crypto.subtle, "generateKey");
    one.store.commitFaults.push("conflict", "conflict");
    await one.keys.revoke(kidIn(one.keys, "emitting"), { reason: "leaked" });
    expect(generated).toHaveBeenCalledTimes(1);
    await settle(one);
    generated.mockClear();
    await one.keys.revoke(kidIn(one.keys, "emitting"), { reason: "leaked too" });
    expect(generated).not.toHaveBeenCalled();
  });

  it("is not stored when the other node's was first", async () => {
    one.store.beforeReplace.push(() => other.keys.tick());
    expect(await one.keys.tick()).toMatchObject({ step: null, blocked: null });
    expect(await eventsOf()).toEqual(["init", "revoke", "accept"]);
    const kids = (await ringIn(place.newest().document)).keys.map(({ kid }) => kid);
    expect(kids).toHaveLength(2);
    expect(one.keys.ring().keys.map(({ kid }) => kid)).toEqual(kids);
  });

  it("is accepted once by two nodes that tick at the same instant", async () => {
    const ticks = await Promise.all([one.keys.tick(), other.keys.tick()]);
    expect(ticks.map(({ step }) => step?.step ?? null).sort()).toEqual(["accept", null]);
    expect(await eventsOf()).toEqual(["init", "revoke", "accept"]);
  });
});
