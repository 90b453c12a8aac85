/**
 * Rings for the tests: with keys that cost nothing, a clock that is a number, and commits as the
 * manager makes them, each asserted against the one before.
 */
import type { Algorithm } from "../../src/ring/algorithm.ts";
import type { AuditRecord } from "../../src/ring/audit.ts";
import { AUDIT_TAIL_RECORDS } from "../../src/ring/audit.ts";
import { assertRing, assertSuccession } from "../../src/ring/invariant.ts";
import { publicJwks } from "../../src/ring/jwks.ts";
import { emitterOf, keysIn, phaseOf } from "../../src/ring/phase.ts";
import { nextDueAt, nextStep, type Step } from "../../src/ring/plan.ts";
import { parsePolicy, type RotationPolicy } from "../../src/ring/policy.ts";
import { type KeyRing, keyOf, type NewKey, type PublicJwk, type RingKey } from "../../src/ring/ring.ts";
import { accept, type Change, confirm, emit, firstRing, revoke } from "../../src/ring/step.ts";

export const NOW = 1_800_000_000;
export const DAY = 86_400;

export interface SampleRing {
  /** As last committed. */
  ring: KeyRing;
  now: number;
  /** Commits `change` at `now`; a null changes nothing. */
  commit(change: Change | null): KeyRing;
  /** One tick at `now`: the step taken, or null. */
  tick(): Step | null;
  /** Lets time pass with nobody ticking. */
  wait(seconds: number): SampleRing;
  /** Lets time pass with a tick every `tickEvery` seconds. */
  run(seconds: number, tickEvery?: number): SampleRing;
  /** Lets time pass to the next `step`, with a tick at the very instant at which each step falls due. */
  runTo(step: Step["step"]): SampleRing;
  /** A key that is in no ring yet. */
  fresh(alg?: Algorithm): NewKey;
  /** The key that came into being as the `n`-th, from 1; revoked ones are gone. */
  key(n: number): RingKey;
  phaseOf(n: number): "accepted" | "emitting" | "retiring" | "gone";
  /** Numbers of the keys that the JWKS shows now. */
  published(): number[];
  emitter(): number;
}

/** A ring just created at {@link NOW}: key 1 emits and, with standby, key 2 is accepted. */
export function sampleRing(policy: Partial<RotationPolicy> = {}, { probe = false } = {}): SampleRing {
  const sound = parsePolicy(policy);
  let made = 0;
  const fresh = (alg: Algorithm = sample.ring.policy.alg) => fakeKey(++made, alg);
  const first = fakeKey(++made, sound.alg);
  const standby = sound.standby ? fakeKey(++made, sound.alg) : null;
  const genesis = recorded(null, firstRing("sample-ring", sound, [first, standby], NOW, !probe), NOW);
  assertRing(genesis);

  const sample: SampleRing = {
    ring: genesis,
    now: NOW,
    fresh,
    commit(change) {
      if (change === null) return sample.ring;
      const next = recorded(sample.ring, change, sample.now);
      assertSuccession(sample.ring, next);
      sample.ring = next;
      return next;
    },
    tick() {
      const step = nextStep(sample.ring, sample.now);
      if (step !== null) sample.commit(carriedOut(step, sample, !probe));
      return step;
    },
    wait(seconds) {
      sample.now += seconds;
      return sample;
    },
    run(seconds, tickEvery = 60) {
      const end = sample.now + seconds;
      for (; sample.now < end; sample.now += tickEvery) sample.tick();
      sample.now = end;
      return sample;
    },
    runTo(wanted) {
      for (let steps = 0; steps < 20; steps++) {
        sample.now = Math.max(sample.now, nextDueAt(sample.ring) ?? Infinity);
        if (sample.tick()?.step === wanted) return sample;
      }
      throw new Error(`No ${wanted} in sight.`);
    },
    key: (n) => keyOf(sample.ring, kidOf(n)) as RingKey,
    phaseOf(n) {
      const key = keyOf(sample.ring, kidOf(n));
      return key === undefined ? "gone" : phaseOf(key);
    },
    published: () => publicJwks(sample.ring, sample.now).keys.map(({ kid }) => numberOf(kid)),
    emitter: () => numberOf(emitterOf(sample.ring).kid),
  };
  return sample;
}

/** A sample ring in which key 1 has retired, key 2 emits since `now`, and key 3 is accepted. */
export function turnedOver(policy: Partial<RotationPolicy> = {}): SampleRing {
  const sample = sampleRing(policy).runTo("emit");
  if (keysIn(sample.ring, "accepted").length === 0 && sample.ring.policy.standby) sample.tick();
  return sample;
}

/** A key in everything but its strength. */
export function fakeKey(n: number, alg: Algorithm = "ES256"): NewKey {
  return { kid: kidOf(n), alg, publicJwk: fakePublicJwk(n, alg), sealedJwk: `sealed.k${n}.iv.text.tag` };
}

export function kidOf(n: number): string {
  return `${`key${n}`.padEnd(42, "_")}A`;
}

export function numberOf(kid: string): number {
  return Number(/^key(\d+)_/.exec(kid)?.[1]);
}

function fakePublicJwk(n: number, alg: Algorithm): PublicJwk {
  if (alg.startsWith("ES")) return { kty: "EC", crv: "P-256", x: `x${n}`, y: `y${n}` };
  if (alg.startsWith("ML")) return { kty: "AKP", alg, pub: `pub${n}` };
  return alg === "EdDSA" ? { kty: "OKP", crv: "Ed25519", x: `x${n}` } : { kty: "RSA", n: `n${n}`, e: "AQAB" };
}

function carriedOut(step: Step, { ring, now, fresh }: SampleRing, confirmed: boolean): Change | null {
  if (step.step === "accept") return accept(ring, fresh(step.alg), now, confirmed);
  if (step.step === "confirm") return confirm(ring, step.kid, now);
  if (step.step === "emit") return emit(ring, step.kid, now);
  return revoke(ring, step.kid, step.because, now, null);
}

/** As the manager commits, but with hashes that are only distinct. */
export function recorded(base: KeyRing | null, { ring, event }: Change, now: number): KeyRing {
  const generation = (base?.generation ?? 0) + 1;
  const record: AuditRecord = {
    ring: ring.id,
    generation,
    at: now,
    ...event,
    trigger: "automatic",
    actor: "schedule",
    reason: null,
    previous: hashOf(generation - 1),
    hash: hashOf(generation),
  };
  const auditTail = [...ring.auditTail, record].slice(-AUDIT_TAIL_RECORDS);
  return { ...ring, generation, committedAt: now, auditTail };
}

function hashOf(generation: number): string {
  return `${`hash${generation}`.padEnd(42, "_")}A`;
}
