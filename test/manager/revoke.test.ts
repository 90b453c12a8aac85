import { beforeEach, describe, expect, it } from "vitest";
import { DEFAULT_POLICY } from "../../src/ring/policy.ts";
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
/** refresh 30 + 2 × fetch 5 + max-age 530 + JWKS cache 600 + skew 30. */
const BOUND = 1200;
const LEAKED = { reason: "leaked" };

let node: TestNode & { place: Place };
let first: string;
let second: string;
beforeEach(async () => {
  node = await openAlone();
  first = kidIn(node.keys, "emitting");
  second = kidIn(node.keys, "accepted");
});

/** The kid is out of the JWKS, its private half out of the store, and its tombstone says why. */
function expectGone(kid: string): void {
  expect(publishedKids(node.keys)).not.toContain(kid);
  expect(node.keys.ring().keys.map((key) => key.kid)).not.toContain(kid);
  expect(node.keys.status().revoked).toContainEqual({
    kid,
    revokedAt: node.clock.now(),
    revokedBecause: "leaked",
  });
}

describe("revoking", () => {
  it("an accepted key takes it out of the JWKS; the next tick publishes another", async () => {
    expect(await node.keys.revoke(second, LEAKED)).toEqual({
      changed: true,
      generation: 2,
      emitter: first,
      kid: second,
      earlyEmit: false,
      refusedByAt: START + BOUND,
      unboundedFor: expect.arrayContaining([expect.stringContaining("without expiry")]),
    });
    expectGone(second);
    expect(await settle(node)).toEqual(["accept"]);
  });

  it("the emitter makes a matured successor emit in the same commit, at no cost", async () => {
    await pass(node, HOLD);
    expect(await node.keys.revoke(first, LEAKED)).toMatchObject({
      generation: 2,
      emitter: second,
      earlyEmit: false,
    });
    expectGone(first);
    expect((await node.keys.sign({})).kid).toBe(second);
  });

  it("the emitter makes a young successor emit early where nothing better is left, and says so", async () => {
    await pass(node, HOLD - 1);
    expect(await node.keys.revoke(first, LEAKED)).toMatchObject({ emitter: second, earlyEmit: true });
    expectGone(first);
    expect(node.keys.status().keys[0]).toMatchObject({
      kid: second,
      earlyEmit: true,
      emitAfter: START + HOLD,
    });
    expect((await recordsOf(node.place)).at(-1)).toMatchObject({ event: "revoke", earlyEmit: true });
  });

  it("the emitter makes the key that retired last emit again before a young successor", async () => {
    await pass(node, HOLD);
    await node.keys.rotate();
    await settle(node);
    expect(await node.keys.revoke(second, LEAKED)).toMatchObject({ emitter: first, earlyEmit: false });
    expectGone(second);
    expect(kidsIn(node.keys, "retiring")).toEqual([]);
  });

  it("the only key makes a fresh one emit in the same commit", async () => {
    await node.keys.revoke(second, LEAKED);
    const { emitter, earlyEmit, generation } = await node.keys.revoke(first, LEAKED);
    expect({ earlyEmit, generation }).toEqual({ earlyEmit: true, generation: 3 });
    expectGone(first);
    expect([first, second]).not.toContain(emitter);
    expect(publishedKids(node.keys)).toEqual([emitter]);
    expect((await node.keys.sign({})).kid).toBe(emitter);
  });

  it("a retiring key takes it out before its promised instant", async () => {
    await pass(node, HOLD);
    await node.keys.rotate();
    await pass(node, 60);
    expect(await node.keys.revoke(first, LEAKED)).toMatchObject({
      emitter: second,
      earlyEmit: false,
      refusedByAt: START + HOLD + 60 + BOUND,
    });
    expectGone(first);
  });

  it("a key a second time changes nothing and names the same bound", async () => {
    const { refusedByAt } = await node.keys.revoke(second, LEAKED);
    await pass(node, 500);
    expect(await node.keys.revoke(second, { reason: "again" })).toMatchObject({
      changed: false,
      generation: 2,
      kid: second,
      refusedByAt,
    });
    expect(node.keys.status().revoked).toEqual([{ kid: second, revokedAt: START, revokedBecause: "leaked" }]);
  });

  it("an unknown kid is refused", async () => {
    for (const kid of ["", "nobody", "../ring", first.toLowerCase()]) {
      expect(await codeOf(node.keys.revoke(kid, LEAKED))).toBe("kid_unknown");
    }
    expect(node.place.history).toHaveLength(1);
  });

  it("works while the ring is paused, and while a rotation waits", async () => {
    await node.keys.pause();
    await node.keys.rotate();
    expect(await node.keys.revoke(first, LEAKED)).toMatchObject({ emitter: second });
    expect(node.keys.status().rotateRequestedAt).toBeNull();
  });

  it("reaches the other nodes with their next refresh", async () => {
    const other = await openNode(node.place, { clock: node.clock });
    await pass(node, HOLD);
    await other.keys.refresh();
    await node.keys.revoke(first, LEAKED);
    expect((await other.keys.sign({})).kid).toBe(first);
    await other.keys.refresh();
    expect((await other.keys.sign({})).kid).toBe(second);
    expect(publishedKids(other.keys)).not.toContain(first);
  });

  it("never lets the same kid come back", async () => {
    await node.keys.revoke(second, LEAKED);
    for (let day = 0; day < 40; day++) {
      await pass(node, 86_400);
      await settle(node);
      expect(publishedKids(node.keys)).not.toContain(second);
    }
    expect(node.keys.status().revoked[0]).toMatchObject({ kid: second, revokedAt: START });
  });
});

describe("the bound that a revoke names", () => {
  it("covers copies of the JWKS made under a longer cache TTL that was in force just before", async () => {
    const slow = await openAlone({ policy: { jwksCacheSeconds: 3600 } });
    await slow.keys.applyPolicy(DEFAULT_POLICY);
    await pass(slow, 1);
    const { refusedByAt } = await slow.keys.revoke(kidIn(slow.keys, "emitting"), LEAKED);
    // Fetched a moment before the change: an edge kept it for 3530 s, a verifier then for 3600 s.
    expect(refusedByAt).toBeGreaterThanOrEqual(START + 3530 + 3600);
  });

  it("is that of the sum, not of a longer overlap", async () => {
    const wide = await openAlone({ policy: { overlapSeconds: 5000 } });
    expect((await wide.keys.revoke(kidIn(wide.keys, "accepted"), LEAKED)).refusedByAt).toBe(START + BOUND);
  });
});
