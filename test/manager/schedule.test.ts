/** Schedules that run too often, on too many nodes, too late or not at all: no step comes early. */
import { describe, expect, it } from "vitest";
import type { KeyRing, RingKey } from "../../src/ring/ring.ts";
import type { Place } from "./faulty-store.ts";
import { openFleet, publishedKids, recordsOf, ringIn, SHORT, SHORT_HOLD, type TestNode } from "./fleet.ts";

interface Life {
  readonly key: RingKey;
  readonly revokedAt: number | null;
}

/** What became of every key that was ever in `there`, as far as the ring tells. */
async function livesIn(there: Place): Promise<Life[]> {
  const rings: KeyRing[] = await Promise.all(there.history.map(({ document }) => ringIn(document)));
  const last = new Map(rings.flatMap(({ keys }) => keys.map((key) => [key.kid, key] as const)));
  const tombstones = new Map(rings.at(-1)?.tombstones.map(({ kid, revokedAt }) => [kid, revokedAt]));
  return [...last.values()].map((key) => ({ key, revokedAt: tombstones.get(key.kid) ?? null }));
}

/** Every hold in full, save for the very first key, which no verifier can have missed. */
function expectFullHolds(lives: readonly Life[], genesis: string, retireHold = SHORT_HOLD): void {
  for (const { key, revokedAt } of lives) {
    const { kid, publishedAt, emittedAt, retiredAt, acceptUntil } = key;
    if (emittedAt !== null && kid !== genesis) {
      expect(emittedAt - (publishedAt ?? 0)).toBeGreaterThanOrEqual(SHORT_HOLD);
    }
    if (retiredAt !== null) {
      expect(retiredAt - (emittedAt ?? 0)).toBeGreaterThanOrEqual(SHORT.rotateEverySeconds);
      expect(acceptUntil).toBe(retiredAt + retireHold);
    }
    if (revokedAt !== null) expect(revokedAt).toBeGreaterThanOrEqual(acceptUntil ?? Infinity);
  }
}

interface Issued {
  readonly kid: string;
  readonly expiresAt: number;
}

/** Every token that is still alive has its key in every node's JWKS. */
function expectAllKnown(tokens: readonly Issued[], nodes: readonly TestNode[], now: number): void {
  for (const { keys } of nodes) {
    const published = new Set(publishedKids(keys));
    for (const { kid, expiresAt } of tokens) if (expiresAt > now) expect(published).toContain(kid);
  }
}

for (const { standby, tokenSeconds, retireHold } of [
  { standby: true, tokenSeconds: 5, retireHold: SHORT_HOLD },
  { standby: false, tokenSeconds: 5, retireHold: SHORT_HOLD },
  // Tokens that outlive the overlap: the lease of 2 s, then the token.
  { standby: true, tokenSeconds: 30, retireHold: 32 },
]) {
  const policy = { ...SHORT, standby, tokenSeconds };
  describe(`three nodes that all tick every second, with standby ${standby} and tokens of ${tokenSeconds} s`, () => {
    it("turn over on time and never early, and no token loses its key", async () => {
      const { nodes, place, clock } = await openFleet(3, { policy });
      const genesis = (nodes[0] as TestNode).keys.status().emitter;
      let tokens: Issued[] = [];
      for (let second = 0; second < 300; second++) {
        clock.advance(1);
        await Promise.all(nodes.map(({ keys }) => keys.tick()));
        const signed = await Promise.all(nodes.map(({ keys }) => keys.sign({})));
        tokens = [...tokens.filter(({ expiresAt }) => expiresAt > clock.now()), ...signed];
        expectAllKnown(tokens, nodes, clock.now());
      }
      const lives = await livesIn(place);
      expectFullHolds(lives, genesis, retireHold);
      const events = (await recordsOf(place)).map(({ event }) => event);
      expect(events.filter((event) => event === "emit")).toHaveLength(300 / SHORT.rotateEverySeconds);
      expect(lives.filter(({ key }) => key.emittedAt !== null)).toHaveLength(
        300 / SHORT.rotateEverySeconds + 1,
      );
    });

    it("write nothing between the steps", async () => {
      const { nodes, place, clock } = await openFleet(3, { policy });
      for (let second = 0; second < 100; second++) {
        clock.advance(1);
        await Promise.all(nodes.map(({ keys }) => keys.tick()));
      }
      const steps = place.history.length - 1;
      const conflicts = nodes.flatMap(({ events }) =>
        events.filter(({ type }) => type === "conflict"),
      ).length;
      const writes = nodes.reduce((sum, { store }) => sum + store.calls.replace, 0);
      expect(steps).toBeLessThanOrEqual(3 * (100 / SHORT.rotateEverySeconds));
      expect(writes).toBe(1 + steps + conflicts);
    });
  });
}

describe("a schedule with gaps of every length", () => {
  for (const gap of [2, 13, 14, 15, 19, 20, 21, 33, 34, 35, 1000]) {
    it(`of ${gap} s keeps every hold, and no token loses its key`, async () => {
      const { nodes, place, clock } = await openFleet(2, { policy: SHORT });
      const [ticking, other] = nodes as [TestNode, TestNode];
      const genesis = ticking.keys.status().emitter;
      let tokens: Issued[] = [];
      for (let round = 0; round < 12; round++) {
        // Between two ticks the nodes refresh as ever, and sign.
        for (let second = 0; second < Math.min(gap, 40); second++) {
          clock.advance(second === 0 ? gap - Math.min(gap, 40) + 1 : 1);
          await Promise.all(nodes.map(({ keys }) => keys.refresh()));
          tokens = tokens.filter(({ expiresAt }) => expiresAt > clock.now());
          tokens.push(await other.keys.sign({}));
          expectAllKnown(tokens, nodes, clock.now());
        }
        await ticking.keys.tick();
      }
      expectFullHolds(await livesIn(place), genesis);
    });
  }
});

describe("a schedule that never runs", () => {
  it("leaves the emitter emitting and everything it signed verifiable", async () => {
    const { nodes, place, clock } = await openFleet(2, { policy: SHORT });
    const [one] = nodes as [TestNode];
    clock.advance(1_000_000);
    await Promise.all(nodes.map(({ keys }) => keys.refresh()));
    expect((await one.keys.sign({})).kid).toBe(one.keys.status().emitter);
    expect(publishedKids(one.keys)).toHaveLength(2);
    expect(place.history).toHaveLength(1);
  });
});
