/** What can be done to a fleet, as commands that are given to the managers and to the model alike. */
import fc from "fast-check";
import { isKeyturnError } from "../../src/errors.ts";
import type { KeyManager } from "../../src/manager/manager.ts";
import type { RotationPolicy } from "../../src/ring/policy.ts";
import type { KeyRing } from "../../src/ring/ring.ts";
import type { Place } from "../manager/faulty-store.ts";
import { SHORT, type TestNode } from "../manager/fleet.ts";
import type { ManualClock } from "../manager/manual-clock.ts";
import type { Witnessed } from "../ring/promises.ts";
import { assertAgreement, assertSame } from "./agreement.ts";
import {
  committed,
  type ModelFleet,
  type ModelNode,
  newest,
  type PlainFault,
  read,
  signed,
} from "./fleet-model.ts";
import * as model from "./ring-model.ts";

export interface RealFleet {
  readonly nodes: readonly TestNode[];
  readonly place: Place;
  readonly clock: ManualClock;
  readonly witness: Witnessed;
  /** Rings that the witness has seen. */
  witnessed: KeyRing[];
}

type FleetCommand = fc.AsyncCommand<ModelFleet, RealFleet>;

/** @param given to the managers first, then to the model, which must have foreseen what came of it */
function command(name: string, given: (fleet: ModelFleet, real: RealFleet) => Promise<void>): FleetCommand {
  return {
    check: () => true,
    toString: () => name,
    async run(fleet, real) {
      await given(fleet, real);
      await assertAgreement(fleet, real);
    },
  };
}

/** A command's result, or the code that it was refused with. */
async function outcomeOf<T>(work: Promise<T>, shown: (done: T) => object): Promise<object> {
  return work.then(shown, (error: unknown) => {
    if (!isKeyturnError(error)) throw error;
    return { refused: error.code };
  });
}

/** The kid that the newest ring has and the model lacks; any, where the commit did not happen. */
function newKid(fleet: ModelFleet, { place }: RealFleet): string {
  if (place.history.length === fleet.rings.length) return "none";
  const { keys } = (JSON.parse(place.newest().document) as { ring: KeyRing }).ring;
  const known = newest(fleet).keys.map(({ kid }) => kid);
  const fresh = keys.map(({ kid }) => kid).filter((kid) => !known.includes(kid));
  if (fresh.length !== 1) throw new Error(`${fresh.length} keys are new, not 1.`);
  return fresh[0] as string;
}

const keysOf = (real: RealFleet, by: number): KeyManager => (real.nodes[by] as TestNode).keys;
const changedOnly = ({ changed }: { changed: boolean }) => ({ changed });

const tick = (by: number) =>
  command(`tick(${by})`, async (fleet, real) => {
    const due = model.dueStep(newest(fleet), fleet.now);
    const found = await outcomeOf(keysOf(real, by).tick(), ({ step, blocked }) => ({
      step: step === null ? null : { step: step.step, ...("kid" in step ? { kid: step.kid } : {}) },
      blocked,
    }));
    const expected = committed(fleet, by, (ring, now) => {
      if (due === null) return null;
      if (due.step === "accept") return model.withAccepted(ring, newKid(fleet, real), now);
      return due.step === "emit" ? model.switched(ring, due.kid, now) : model.without(ring, due.kid);
    });
    assertSame(found, "refused" in expected ? expected : { step: due, blocked: null }, "tick");
  });

const rotate = (by: number) =>
  command(`rotate(${by})`, async (fleet, real) => {
    const rotation = model.rotationOf(newest(fleet), fleet.now);
    const found = await outcomeOf(keysOf(real, by).rotate(), (done) => ({
      changed: done.changed,
      rotation: done.rotation,
    }));
    const expected = committed(fleet, by, model.rotated);
    assertSame(found, "refused" in expected ? expected : { ...expected, rotation }, "rotate");
  });

const rollback = (by: number) =>
  command(`rollback(${by})`, async (fleet, real) => {
    const found = await outcomeOf(keysOf(real, by).rollback({ reason: "drill" }), changedOnly);
    assertSame(found, committed(fleet, by, model.rolledBack), "rollback");
  });

/** @param which the emitter, or the n-th of the live keys, or of those that are gone */
const revoke = (by: number, which: number | "emitter" | "gone" | "nobody") =>
  command(`revoke(${by}, ${which})`, async (fleet, real) => {
    const ring = newest(fleet);
    const kid =
      which === "emitter"
        ? model.emitterIn(ring).kid
        : which === "gone"
          ? (ring.gone.at(-1) ?? "nobody")
          : which === "nobody"
            ? which
            : (ring.keys[which % ring.keys.length] as model.ModelKey).kid;
    const isEmitter = kid === model.emitterIn(ring).kid;
    const heir = isEmitter ? model.heirOf(ring, fleet.now) : null;
    const earlyEmit = heir === "fresh" || heir?.early === true;
    real.witness.excuse(kid);
    const found = await outcomeOf(keysOf(real, by).revoke(kid, { reason: "leaked" }), (done) => ({
      changed: done.changed,
      earlyEmit: done.earlyEmit,
    }));
    const expected = committed(fleet, by, (base, now) =>
      model.revoked(base, kid, now, () => newKid(fleet, real)),
    );
    const outcome =
      "refused" in expected ? expected : { ...expected, earlyEmit: expected.changed && earlyEmit };
    assertSame(found, outcome, "revoke");
  });

const pause = (by: number) =>
  command(`pause(${by})`, async (fleet, real) => {
    const found = await outcomeOf(keysOf(real, by).pause(), changedOnly);
    assertSame(
      found,
      committed(fleet, by, (ring) => (ring.paused ? null : { ...ring, paused: true })),
      "pause",
    );
  });

const resume = (by: number) =>
  command(`resume(${by})`, async (fleet, real) => {
    const found = await outcomeOf(keysOf(real, by).resume(), changedOnly);
    assertSame(
      found,
      committed(fleet, by, (ring) => (ring.paused ? { ...ring, paused: false } : null)),
      "resume",
    );
  });

const applyPolicy = (by: number, change: Partial<RotationPolicy>) =>
  command(`applyPolicy(${by}, ${JSON.stringify(change)})`, async (fleet, real) => {
    const policy = { ...SHORT, ...change };
    const found = await outcomeOf(keysOf(real, by).applyPolicy(policy), changedOnly);
    assertSame(
      found,
      committed(fleet, by, (ring, now) => model.underPolicy(ring, policy, now)),
      "applyPolicy",
    );
  });

const sign = (by: number) =>
  command(`sign(${by})`, async (fleet, real) => {
    const found = await outcomeOf(keysOf(real, by).sign({}), ({ kid, expiresAt }) => ({ kid, expiresAt }));
    assertSame(found, signed(fleet, by), "sign");
  });

const refresh = (by: number) =>
  command(`refresh(${by})`, async (fleet, real) => {
    const found = await outcomeOf(keysOf(real, by).refresh(), () => ({}));
    assertSame(
      found,
      read(fleet, fleet.nodes[by] as ModelNode) ? {} : { refused: "store_unavailable" },
      "refresh",
    );
  });

const pass = (seconds: number) =>
  command(`pass(${seconds})`, async (fleet, { clock }) => {
    clock.advance(seconds);
    fleet.now += seconds;
    fleet.tokens = fleet.tokens.filter(({ expiresAt }) => expiresAt > fleet.now);
  });

const fault = (by: number, how: PlainFault | "down" | "up") =>
  command(`fault(${by}, ${how})`, async ({ nodes }, real) => {
    const store = (real.nodes[by] as TestNode).store;
    const node = nodes[by] as ModelNode;
    if (how === "down" || how === "up") {
      store.down = node.down = how === "down";
    } else if (node.faults.length < FAULTS_MAX) {
      store.commitFaults.push(how);
      node.faults.push(how);
    }
  });

/** A commit is tried 20 times; here none is that unlucky. */
const FAULTS_MAX = 10;

export const NODES = 3;

const by = fc.nat({ max: NODES - 1 });
const POLICIES: readonly Partial<RotationPolicy>[] = [
  {},
  { tokenSeconds: 30 },
  { jwksCacheSeconds: 9 },
  { standby: false },
  { alg: "EdDSA" },
  { alg: "EdDSA", overlapSeconds: 18, rotateEverySeconds: 30 },
  { skewSeconds: 1, jwksCacheSeconds: 10, leaseSeconds: 4 },
];
const waits = fc.oneof(fc.constantFrom(1, 1, 2, 14), fc.nat({ max: 16 }));
const twice = <T>(arbitrary: fc.Arbitrary<T>) => [arbitrary, arbitrary];

/** More of what moves a ring than of what stops it. */
export const fleetCommands: fc.Arbitrary<FleetCommand>[] = [
  ...twice(waits.map(pass)),
  ...twice(waits.map(pass)),
  ...twice(by.map(tick)),
  ...twice(by.map(tick)),
  ...twice(by.map(sign)),
  by.map(refresh),
  by.map(rotate),
  by.map(rollback),
  fc
    .tuple(by, fc.oneof(fc.constantFrom("emitter", "gone", "nobody"), fc.nat({ max: 9 })))
    .map(([node, which]) => revoke(node, which)),
  by.map(pause),
  ...twice(by.map(resume)),
  fc.tuple(by, fc.constantFrom(...POLICIES)).map(([node, change]) => applyPolicy(node, change)),
  fc
    .tuple(
      by,
      fc.constantFrom(
        "conflict",
        "unavailable",
        "unknown_committed",
        "unknown_not_committed",
        "down",
        "up",
        "up",
      ),
    )
    .map(([node, how]) => fault(node, how)),
];
