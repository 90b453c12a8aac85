import { beforeEach, describe, expect, it } from "vitest";
import { parseKek } from "../../src/keys/kek.ts";
import { DEFAULT_POLICY } from "../../src/ring/policy.ts";
import type { Place } from "./faulty-store.ts";
import { KEK, kidIn, openAlone, openNode, pass, SHORT, settle, type TestNode } from "./fleet.ts";
import { START } from "./manual-clock.ts";

const HOLD = 1200;
const MONTH = 30 * 86_400;

let node: TestNode & { place: Place };
beforeEach(async () => {
  node = await openAlone();
});

describe("status", () => {
  it("shows the ring as an operator needs it, as plain data without any key", async () => {
    const status = node.keys.status();
    const [emitter, standby] = [kidIn(node.keys, "emitting"), kidIn(node.keys, "accepted")];
    expect(status).toMatchObject({
      generation: 1,
      now: START,
      emitter,
      alg: "ES256",
      revoked: [],
      policy: DEFAULT_POLICY,
      policyMatches: true,
      pausedAt: null,
      rotateRequestedAt: null,
      nextStep: { step: "emit", kid: standby, at: START + MONTH },
      nextDueAt: START + MONTH,
      overdueSince: null,
      blocked: null,
      kek: (await parseKek(KEK)).id,
      leaseAgeSeconds: 0,
      canSign: true,
    });
    expect(JSON.parse(JSON.stringify(status))).toEqual(status);
    for (const key of status.keys)
      for (const hidden of ["sealedJwk", "publicJwk"]) expect(key).not.toHaveProperty(hidden);
  });

  it("shows when each key may emit and until when it is published", async () => {
    await pass(node, MONTH);
    await settle(node);
    expect(node.keys.status().keys).toMatchObject([
      { phase: "retiring", retiredAt: START + MONTH, acceptUntil: START + MONTH + HOLD },
      { phase: "emitting", emittedAt: START + MONTH, acceptUntil: null },
      { phase: "accepted", publishedAt: START + MONTH, emitDueAt: START + MONTH + HOLD },
    ]);
  });

  it("counts a due step as overdue after three minutes, until it is taken", async () => {
    await pass(node, MONTH + 180);
    expect(node.keys.status().overdueSince).toBeNull();
    await pass(node, 1);
    expect(node.keys.status().overdueSince).toBe(START + MONTH);
    await settle(node);
    expect(node.keys.status().overdueSince).toBeNull();
  });

  it("shows a step that is blocked as overdue as well", async () => {
    const odd = await openNode(node.place, { clock: node.clock, policy: { tokenSeconds: 60 } });
    await pass(odd, MONTH + 181);
    await odd.keys.tick();
    expect(odd.keys.status()).toMatchObject({ blocked: "policy_mismatch", overdueSince: START + MONTH });
  });

  it("does not count a paused schedule as overdue", async () => {
    await node.keys.pause();
    await pass(node, 2 * MONTH);
    expect(node.keys.status()).toMatchObject({ nextStep: null, nextDueAt: null, overdueSince: null });
  });
});

describe("the lag of the ring that a node serves", () => {
  it("is what exceeds refreshSeconds, rounded up, by the clock that says more", async () => {
    expect(node.keys.lagSeconds()).toBe(0);
    node.clock.advance(30);
    expect(node.keys.lagSeconds()).toBe(0);
    node.clock.sinceBoot += 0.25;
    expect(node.keys.lagSeconds()).toBe(1);
    node.clock.wall += 100;
    expect(node.keys.lagSeconds()).toBe(100);
    await node.keys.refresh();
    expect(node.keys.lagSeconds()).toBe(0);
  });
});

describe("the plan", () => {
  it("names steps, instants and holds", () => {
    const standby = kidIn(node.keys, "accepted");
    const [emit, accept, revoke] = node.keys.plan(3);
    expect(emit).toMatchObject({ step: "emit", kid: standby, at: START + MONTH, hold: { seconds: HOLD } });
    expect(accept).toEqual({ step: "accept", kid: null, at: START + MONTH, hold: null });
    expect(revoke).toMatchObject({
      step: "revoke",
      kid: kidIn(node.keys, "emitting"),
      at: START + MONTH + HOLD,
    });
    expect(node.keys.plan()).toHaveLength(6);
    expect(node.keys.plan(0)).toEqual([]);
  });

  for (const policy of [SHORT, { ...SHORT, standby: false }, DEFAULT_POLICY]) {
    it(`comes true under rotateEverySeconds ${policy.rotateEverySeconds}, standby ${policy.standby}`, async () => {
      const { keys, clock } = await openAlone({ policy });
      const plan = keys.plan(12);
      expect(plan).toHaveLength(12);
      for (const planned of plan) {
        if (planned.at > clock.now()) {
          clock.advance(planned.at - clock.now() - 1);
          expect((await keys.tick()).step).toBeNull();
          clock.advance(1);
        }
        const { step } = await keys.tick();
        expect(step).toMatchObject({ step: planned.step, dueAt: planned.at });
        if (planned.kid !== null) expect(step).toMatchObject({ kid: planned.kid });
      }
    });
  }
});
