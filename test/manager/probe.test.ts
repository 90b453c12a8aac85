import { beforeEach, describe, expect, it } from "vitest";
import type { Place } from "./faulty-store.ts";
import { kidIn, kidsIn, openAlone, pass, recordsOf, settle, type TestNode } from "./fleet.ts";
import { START } from "./manual-clock.ts";

const HOLD = 1200;
const MONTH = 30 * 86_400;

let served: readonly string[] | Error;
let probes: number;
let node: TestNode & { place: Place };
beforeEach(async () => {
  served = [];
  probes = 0;
  const probe = async () => {
    probes += 1;
    if (served instanceof Error) throw served;
    return served;
  };
  node = await openAlone({ probe });
});

const serveAll = () => {
  served = node.keys.jwks().keys.map(({ kid }) => kid);
};

describe("where a probe watches the public JWKS URL", () => {
  it("publishes a new key without starting its hold", () => {
    expect(kidsIn(node.keys, "accepted")).toHaveLength(1);
    expect(node.keys.status().keys[1]).toMatchObject({ publishedAt: null, emitAfter: null, emitDueAt: null });
    expect(node.keys.jwks().keys).toHaveLength(2);
  });

  it("starts the hold when the URL shows the kid, not before", async () => {
    served = [kidIn(node.keys, "emitting")];
    await pass(node, 500);
    expect(await node.keys.tick()).toMatchObject({ step: null, blocked: "publication_unconfirmed" });
    expect(node.keys.status().blocked).toBe("publication_unconfirmed");
    expect(node.place.history).toHaveLength(1);

    await pass(node, 500);
    serveAll();
    const standby = kidIn(node.keys, "accepted");
    expect(await node.keys.tick()).toMatchObject({ step: { step: "confirm", kid: standby }, blocked: null });
    expect(node.keys.status().keys[1]).toMatchObject({
      publishedAt: START + 1000,
      emitAfter: START + 1000 + HOLD,
    });
  });

  it("lets no key emit that the URL does not show, however long that takes", async () => {
    await pass(node, 2 * MONTH);
    expect(await settle(node)).toEqual([]);
    expect((await node.keys.rotate()).rotation).toBe("scheduled");
    expect(await settle(node)).toEqual([]);
    serveAll();
    expect(await settle(node)).toEqual(["confirm"]);
    await pass(node, HOLD - 1);
    expect(await settle(node)).toEqual([]);
    await pass(node, 1);
    expect((await node.keys.tick()).step?.step).toBe("emit");
  });

  it("waits while the URL cannot be asked", async () => {
    await pass(node, 100);
    served = new TypeError("fetch failed");
    expect(await node.keys.tick()).toMatchObject({ step: null, blocked: "publication_unconfirmed" });
    expect(node.keys.status().blocked).toBe("publication_unconfirmed");
    expect(node.place.history).toHaveLength(1);
    serveAll();
    expect(await settle(node)).toEqual(["confirm"]);
  });

  it("asks only while a key waits to be seen", async () => {
    serveAll();
    expect(await settle(node)).toEqual(["confirm"]);
    const asked = probes;
    await pass(node, 1000);
    await settle(node);
    expect(probes).toBe(asked);
  });

  it("takes the confirmation up in a turnover like any other step", async () => {
    serveAll();
    await settle(node);
    await pass(node, MONTH);
    expect(await settle(node)).toEqual(["emit", "accept"]);
    serveAll();
    expect(await settle(node)).toEqual(["confirm"]);
    await pass(node, HOLD);
    expect(await settle(node)).toEqual(["revoke"]);
    expect((await recordsOf(node.place)).map(({ event }) => event)).toEqual([
      "init",
      "confirm",
      "emit",
      "accept",
      "confirm",
      "revoke",
    ]);
  });
});
