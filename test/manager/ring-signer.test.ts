/** Signing with a ring that others turn over. */
import { describe, expect, it } from "vitest";
import { type Later, openSigner } from "../../src/manager/ring-signer.ts";
import type { RingStore } from "../../src/store/store.ts";
import { manualTimer } from "../client/manual-timer.ts";
import { faultyStore, place } from "./faulty-store.ts";
import { codeOf, ISSUER, KEK, openNode } from "./fleet.ts";
import { manualClock } from "./manual-clock.ts";

/** A ring, its operator's node, and a signer that can only read, each on the same clock. */
async function beside() {
  const there = place();
  const clock = manualClock();
  const operator = await openNode(there, { clock });
  const readOnly: RingStore = {
    description: there.description,
    load: () => there.load(),
    replace: async () => {
      throw new Error("A signer has written.");
    },
  };
  const store = faultyStore(readOnly);
  const timer = manualTimer(clock);
  const later: Later = (seconds, work) => timer.after(seconds, work);
  const signer = await openSigner({ store, issuer: ISSUER, kek: KEK, clock, later });
  /** Time passes a step at a time, so that each refresh ends before the next begins. */
  async function pass(seconds: number): Promise<void> {
    for (let passed = 0; passed < seconds; passed++) {
      timer.advance(1);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return { there, clock, operator, store, signer, timer, pass };
}

describe("a signer", () => {
  it("signs with the ring's emitter, and shows its JWKS", async () => {
    const { operator, signer } = await beside();
    expect((await signer.sign({ sub: "a" })).kid).toBe(operator.keys.status().emitter);
    expect(signer.jwks()).toEqual(operator.keys.jwks());
    expect(signer.status().generation).toBe(1);
  });

  it("makes no ring", async () => {
    const there = place();
    expect(await codeOf(openSigner({ store: there, issuer: ISSUER, kek: KEK }))).toBe("ring_missing");
    expect(await there.load()).toBeNull();
  });

  it("follows a new generation within refreshSeconds", async () => {
    const { operator, signer, pass } = await beside();
    await operator.keys.revoke(operator.keys.status().emitter, { reason: "leaked" });
    expect((await signer.sign({})).kid).not.toBe(operator.keys.status().emitter);
    await pass(30);
    // Reading what has come takes the machine a moment, and the ring's clock none.
    await expect
      .poll(async () => (await signer.sign({})).kid, { interval: 5 })
      .toBe(operator.keys.status().emitter);
  });

  it("takes no step, however long one is due", async () => {
    const { signer, there, clock, pass } = await beside();
    clock.advance(60 * 86_400);
    await pass(60);
    expect(signer.status().generation).toBe(1);
    expect(there.history).toHaveLength(1);
  });

  it("keeps the last good ring through an outage until the lease ends, and goes on after it", async () => {
    const { operator, store, signer, pass } = await beside();
    store.down = true;
    await pass(119);
    expect((await signer.sign({})).token).toMatch(/^ey/);
    await pass(20);
    expect(await codeOf(signer.sign({}))).toBe("ring_stale");
    store.down = false;
    await operator.keys.pause();
    await pass(15);
    // By its own refresh: nobody has asked it to sign since.
    await expect.poll(() => signer.status().generation, { interval: 5 }).toBe(2);
    expect((await signer.sign({})).token).toMatch(/^ey/);
  });

  it("sets no timer that outlives it", async () => {
    const { signer, timer } = await beside();
    expect(timer.set()).toBe(1);
    await signer.close();
    expect(timer.set()).toBe(0);
  });

  it("refreshes no more once it is closed, and waits for the refresh under way", async () => {
    const { signer, timer, pass } = await beside();
    await pass(31);
    timer.advance(15);
    await signer.close();
    await pass(60);
    expect(timer.set()).toBe(0);
  });
});
