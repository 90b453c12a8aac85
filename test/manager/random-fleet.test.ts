/**
 * Three nodes on one place, and whatever may happen to them, in any order and partly at once: ticks,
 * commands, time, lost answers, conflicts, stale reads, outages. Whatever it was: no token that is
 * alive is unknown to a node that keeps its refreshes, no update is lost, none is invented.
 */
import fc from "fast-check";
import { createLocalJWKSet, jwtVerify } from "jose";
import { expect, it } from "vitest";
import { isKeyturnError } from "../../src/errors.ts";
import { type AuditRecord, verifyChain } from "../../src/ring/audit.ts";
import { emitHold } from "../../src/ring/hold.ts";
import type { CommitFault, Place } from "./faulty-store.ts";
import { kidsIn, openAlone, openNode, publishedKids, ringIn, SHORT, settle, type TestNode } from "./fleet.ts";
import type { ManualClock } from "./manual-clock.ts";

const REFUSALS = ["store_unavailable", "commit_unknown", "rollback_impossible", "conflict"] as const;
const FAULTS: readonly CommitFault[] = [
  "conflict",
  "unavailable",
  "unknown_committed",
  "unknown_not_committed",
  "unknown_late",
];
const COMMANDS = [
  "rotate",
  "rollback",
  "pause",
  "resume",
  "policy",
  "revokeEmitter",
  "revokeStandby",
] as const;

type Deed =
  | { readonly do: "tick" | "refresh" | "sign" | "stale read" | "down" | "up"; readonly by: number }
  | { readonly do: "command"; readonly command: (typeof COMMANDS)[number]; readonly by: number }
  | { readonly do: "fault"; readonly fault: CommitFault; readonly by: number };
/** Time passes, then these happen at one instant. */
type Moment = { readonly wait: number; readonly deeds: readonly Deed[] };

const by = fc.nat({ max: 2 });
const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom("tick", "refresh", "sign"), by }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("stale read", "down", "up", "up"), by }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("command"), command: fc.constantFrom(...COMMANDS), by }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("fault"), fault: fc.constantFrom(...FAULTS), by }) },
);
const wait = fc.oneof(fc.constant(0), fc.constant(1), fc.nat({ max: 16 }));
const moment: fc.Arbitrary<Moment> = fc.record({
  wait,
  deeds: fc.array(deed, { minLength: 1, maxLength: 4 }),
});

interface Issued {
  readonly token: string;
  readonly kid: string;
  readonly expiresAt: number;
}

/** A fleet that keeps account of what it was told and what it promised. */
class Fleet {
  readonly nodes: readonly TestNode[];
  readonly place: Place;
  readonly clock: ManualClock;
  tokens: Issued[] = [];
  readonly done: string[] = [];
  readonly unknown: string[] = [];
  commands = 0;

  constructor({ nodes, place, clock }: { nodes: TestNode[]; place: Place; clock: ManualClock }) {
    this.nodes = nodes;
    this.place = place;
    this.clock = clock;
  }

  async live({ wait: seconds, deeds }: Moment): Promise<void> {
    this.clock.advance(seconds);
    await Promise.all(deeds.map((one) => this.carryOut(one)));
    this.tokens = this.tokens.filter(({ expiresAt }) => expiresAt > this.clock.now());
    await this.expectTokensKnown();
  }

  async carryOut(one: Deed): Promise<void> {
    const node = this.nodes[one.by] as TestNode;
    if (one.do === "command") return this.command(node, one.command);
    if (one.do === "sign") return this.sign(node);
    if (one.do === "fault") node.store.commitFaults.push(one.fault);
    if (one.do === "down" || one.do === "up") node.store.down = one.do === "down";
    if (one.do === "tick") await tolerated(node.keys.tick());
    if (one.do === "refresh") await tolerated(node.keys.refresh());
    if (one.do === "stale read") await this.readStale(node);
  }

  /** A ring older than the one known is refused; one that is the same renews nothing here. */
  async readStale({ keys, store }: TestNode): Promise<void> {
    const older = this.place.history.at(-2);
    if (older === undefined || store.down) return;
    const { generation } = keys.status();
    store.staleReads.push(older);
    await keys.refresh().catch((error: unknown) => {
      if (!isKeyturnError(error, "ring_rolled_back")) throw error;
    });
    expect(keys.status().generation).toBeGreaterThanOrEqual(generation);
    store.staleReads.length = 0;
    await tolerated(keys.refresh());
  }

  async sign({ keys }: TestNode): Promise<void> {
    const signed = await keys.sign({}).catch((error: unknown) => {
      if (!isKeyturnError(error, "ring_stale")) throw error;
    });
    if (signed) this.tokens.push(signed);
  }

  async command({ keys }: TestNode, command: (typeof COMMANDS)[number]): Promise<void> {
    this.commands += 1;
    const why = { reason: `command ${this.commands}` };
    const policies = [SHORT, { ...SHORT, tokenSeconds: 30 }, { ...SHORT, jwksCacheSeconds: 9 }];
    const give = {
      rotate: () => keys.rotate(why),
      rollback: () => keys.rollback(why),
      pause: () => keys.pause(why),
      resume: () => keys.resume(why),
      policy: () => keys.applyPolicy(policies[this.commands % 3] as typeof SHORT, why),
      revokeEmitter: () => keys.revoke(keys.status().emitter, why),
      revokeStandby: () => keys.revoke(kidsIn(keys, "accepted")[0] ?? keys.status().emitter, why),
    }[command];
    try {
      if ((await give()).changed) this.done.push(why.reason);
    } catch (error) {
      if (!isKeyturnError(error, ...REFUSALS)) throw error;
      if (error.code === "commit_unknown") this.unknown.push(why.reason);
    }
  }

  /** The JWKS of every node that is at most `refreshSeconds` behind, against every token that is alive. */
  async expectTokensKnown(): Promise<void> {
    const ring = await ringIn(this.place.newest().document);
    const early = new Set(ring.keys.flatMap(({ kid, earlyEmit }) => (earlyEmit ? [kid] : [])));
    const revoked = new Set(ring.tombstones.map(({ kid }) => kid));
    const honest = this.tokens.filter(({ kid }) => !early.has(kid) && !revoked.has(kid));
    const currentDate = new Date(this.clock.now() * 1000);
    for (const { keys } of this.nodes) {
      if (keys.lagSeconds() > 0) continue;
      const jwks = createLocalJWKSet(JSON.parse(JSON.stringify(keys.jwks())));
      await Promise.all(honest.map(({ token }) => jwtVerify(token, jwks, { currentDate })));
      for (const kid of revoked)
        if (keys.ring().generation === ring.generation) expect(publishedKids(keys)).not.toContain(kid);
    }
  }

  async expectOneHistory(): Promise<void> {
    const rings = await Promise.all(this.place.history.map(({ document }) => ringIn(document)));
    expect(rings.map(({ generation }) => generation)).toEqual(rings.map((_, index) => index + 1));
    const records = rings.map(({ auditTail }) => auditTail.at(-1) as AuditRecord);
    await verifyChain(records);

    const recorded = records.flatMap(({ reason }) => (reason?.startsWith("command") ? [reason] : []));
    const possible = new Set([...this.done, ...this.unknown]);
    expect(new Set(recorded).size).toBe(recorded.length);
    expect(recorded).toEqual(expect.arrayContaining(this.done));
    expect(recorded.filter((reason) => !possible.has(reason))).toEqual([]);

    const [genesis] = rings[0]?.keys ?? [];
    for (const { kid, publishedAt, emittedAt, earlyEmit } of rings.flatMap(({ keys }) => keys)) {
      if (emittedAt === null || earlyEmit || kid === genesis?.kid) continue;
      expect(emittedAt - (publishedAt ?? 0)).toBeGreaterThanOrEqual(emitHold(SHORT).seconds);
    }
  }

  /** Once the faults are over, what is due happens. */
  async expectLiveliness(): Promise<void> {
    for (const { store } of this.nodes) {
      store.down = false;
      store.commitFaults.length = 0;
    }
    const [one] = this.nodes as [TestNode];
    await one.keys.resume();
    const { emitter } = one.keys.status();
    for (let second = 0; second < 60; second++) {
      this.clock.advance(1);
      await settle(one);
    }
    expect(one.keys.status().emitter).not.toBe(emitter);
    for (const { keys } of this.nodes) {
      await keys.refresh();
      expect(keys.ring()).toEqual(one.keys.ring());
    }
  }
}

async function tolerated(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!isKeyturnError(error, ...REFUSALS)) throw error;
  });
}

for (const { standby, tokenSeconds } of [
  { standby: true, tokenSeconds: 5 },
  { standby: false, tokenSeconds: 30 },
]) {
  it(`keeps every promise whatever happens, with standby ${standby} and tokens of ${tokenSeconds} s`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(moment, { minLength: 10, maxLength: 60 }), async (moments) => {
        const { place, clock } = await openAlone({ policy: { ...SHORT, standby, tokenSeconds } });
        // Nodes that take the ring's policy, whichever the commands put in force.
        const nodes = await Promise.all([1, 2, 3].map(() => openNode(place, { clock })));
        const fleet = new Fleet({ nodes, place, clock });
        for (const next of moments) await fleet.live(next);
        await fleet.expectOneHistory();
        await fleet.expectLiveliness();
        await fleet.expectOneHistory();
      }),
      { numRuns: 30 },
    );
  });
}
