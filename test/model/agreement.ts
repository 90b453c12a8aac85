/** After every command: what the managers show is what the model says, and what was promised is kept. */
import { isDeepStrictEqual } from "node:util";
import type { KeyStatus } from "../../src/manager/status.ts";
import type { KeyRing } from "../../src/ring/ring.ts";
import { publishedKids } from "../manager/fleet.ts";
import { type ModelFleet, newest, ringSeenBy } from "./fleet-model.ts";
import type { RealFleet } from "./manager-commands.ts";
import { emitterIn, type ModelKey, publishedIn } from "./ring-model.ts";

export function assertSame(found: unknown, expected: unknown, what: string): void {
  if (isDeepStrictEqual(found, expected)) return;
  throw new Error(`${what}: ${JSON.stringify(found)}, where the model says ${JSON.stringify(expected)}.`);
}

export async function assertAgreement(fleet: ModelFleet, real: RealFleet): Promise<void> {
  assertSame(real.place.history.length, fleet.rings.length, "commits");
  for (const [by, { keys }] of real.nodes.entries()) {
    const seen = ringSeenBy(fleet, by);
    const status = keys.status();
    assertSame(status.generation, fleet.nodes[by]?.seen, `generation at node ${by}`);
    assertSame(status.keys.map(factsOf), seen.keys.map(factsIn), `keys at node ${by}`);
    assertSame(status.pausedAt !== null, seen.paused, `pause at node ${by}`);
    assertSame(status.rotateRequestedAt, seen.requestedAt, `request at node ${by}`);
    assertSame(status.emitter, emitterIn(seen).kid, `emitter at node ${by}`);
    assertSame(publishedKids(keys), publishedIn(seen, fleet.now), `JWKS at node ${by}`);
    if (keys.lagSeconds() === 0) assertTokensKnown(fleet, publishedKids(keys), by);
  }
  witnessAll(fleet, real);
}

const factsOf = (key: KeyStatus) => [
  key.kid,
  key.alg,
  key.createdAt,
  key.publishedAt,
  key.emitAfter,
  key.emittedAt,
  key.earlyEmit,
  key.retireHoldSeconds,
  key.retiredAt,
  key.acceptUntil,
  key.rolledBackAt !== null,
  key.reinstatedAt !== null,
];

const factsIn = (key: ModelKey) => [
  key.kid,
  key.alg,
  key.createdAt,
  key.publishedAt,
  key.emitAfter,
  key.emittedAt,
  key.early,
  key.retireHold,
  key.retiredAt,
  key.acceptUntil,
  key.rolledBack,
  key.reinstated,
];

/** An honest token that is alive is known to every node that keeps its refreshes, unless an operator willed otherwise. */
function assertTokensKnown(fleet: ModelFleet, published: readonly string[], by: number): void {
  const ring = newest(fleet);
  const early = ring.keys.filter((key) => key.early).map(({ kid }) => kid);
  const unknown = fleet.tokens.filter(
    ({ kid }) => !published.includes(kid) && !ring.gone.includes(kid) && !early.includes(kid),
  );
  if (unknown.length > 0) throw new Error(`Node ${by} does not publish the key of a token that is alive.`);
}

/** The promises of the design, judged by arithmetic of their own. */
function witnessAll(fleet: ModelFleet, real: RealFleet): void {
  const { place, witness, witnessed } = real;
  for (const { document } of place.history.slice(witnessed.length)) {
    const { ring } = JSON.parse(document) as { ring: KeyRing };
    witnessed.push(ring);
    witness.see(ring, fleet.now);
  }
  witness.see(witnessed.at(-1) as KeyRing, fleet.now);
}
