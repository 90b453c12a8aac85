/** Nodes on one place, each with its own handle, and what can be read of the ring from outside. */
import type { ErrorCode } from "../../src/errors.ts";
import { isKeyturnError } from "../../src/errors.ts";
import { type Kek, parseKek } from "../../src/keys/kek.ts";
import { openRing } from "../../src/keys/sealed-ring.ts";
import { createKeyManager, type KeyManager, type KeyManagerOptions } from "../../src/manager/manager.ts";
import type { AuditRecord } from "../../src/ring/audit.ts";
import type { RotationPolicy } from "../../src/ring/policy.ts";
import type { KeyRing } from "../../src/ring/ring.ts";
import type { RingStore } from "../../src/store/store.ts";
import type { KeyturnEvent } from "../../src/telemetry/events.ts";
import { type FaultyStore, faultyStore, type Place, place } from "./faulty-store.ts";
import { type ManualClock, manualClock } from "./manual-clock.ts";

export const ISSUER = "https://auth.example.com";
export const KEK = "3UQKwGr-TAc0nOlu0xQ3tjrE1XlRISVB6Lw-gV34ZFM";
export const OTHER_KEK = "efkEKYp3zmLM88SN7nEwXVds0gVwDg9AjT7efEHkwDY";

/** Everything within a minute: emit hold 14 s, retire hold 14 s, lease 2 s. */
export const SHORT: RotationPolicy = {
  alg: "ES256",
  rsaBits: 2048,
  rotateEverySeconds: 20,
  jwksCacheSeconds: 7,
  tokenSeconds: 5,
  skewSeconds: 0,
  refreshSeconds: 1,
  leaseSeconds: 2,
  fetchSeconds: 1,
  leewaySeconds: 0,
  overlapSeconds: null,
  standby: true,
};
export const SHORT_HOLD = 14;

export interface TestNode {
  readonly keys: KeyManager;
  readonly store: FaultyStore;
  readonly clock: ManualClock;
  readonly events: KeyturnEvent[];
}

export type TestNodeOptions = Partial<KeyManagerOptions> & { readonly clock?: ManualClock };

/** A node on `there`. Keeps the default policy and the one KEK unless told otherwise. */
export async function openNode(there: RingStore, options: TestNodeOptions = {}): Promise<TestNode> {
  const { clock = manualClock() } = options;
  const events: KeyturnEvent[] = [];
  const store = faultyStore(there);
  const onEvent = (event: KeyturnEvent) => events.push(event);
  const keys = await createKeyManager({ issuer: ISSUER, kek: KEK, onEvent, ...options, store, clock });
  return { keys, store, clock, events };
}

/** One node on a place of its own. */
export async function openAlone(
  options: TestNodeOptions = {},
): Promise<TestNode & { readonly place: Place }> {
  const there = place();
  return { ...(await openNode(there, options)), place: there };
}

/** Several nodes on one place and one clock. */
export async function openFleet(
  size: number,
  options: TestNodeOptions = {},
): Promise<{ nodes: TestNode[]; place: Place; clock: ManualClock }> {
  const there = place();
  const { clock = manualClock() } = options;
  const nodes: TestNode[] = [];
  for (let opened = 0; opened < size; opened++) nodes.push(await openNode(there, { ...options, clock }));
  return { nodes, place: there, clock };
}

/** Ticks `node` until nothing is due, and returns the steps taken. */
export async function settle({ keys }: TestNode): Promise<string[]> {
  const steps: string[] = [];
  for (;;) {
    const { step } = await keys.tick();
    if (step === null) return steps;
    steps.push(step.step);
    if (steps.length > SETTLE_STEPS_MAX) throw new Error(`Steps without end: ${steps.join(", ")}.`);
  }
}

/** No instant has more steps than this. */
const SETTLE_STEPS_MAX = 10;

/** Time passes as in a running node, which reads the store every `refreshSeconds`. */
export async function pass({ keys, clock }: TestNode, seconds: number): Promise<void> {
  clock.advance(seconds);
  await keys.refresh();
}

export function kidsIn(keys: KeyManager, phase: "accepted" | "emitting" | "retiring"): string[] {
  return keys
    .status()
    .keys.filter((key) => key.phase === phase)
    .map(({ kid }) => kid);
}

/** The one kid in `phase`. */
export function kidIn(keys: KeyManager, phase: "accepted" | "emitting" | "retiring"): string {
  const [kid, ...others] = kidsIn(keys, phase);
  if (kid === undefined || others.length > 0) throw new Error(`There is not exactly one ${phase} key.`);
  return kid;
}

export function publishedKids(keys: KeyManager): string[] {
  return keys.jwks().keys.map(({ kid }) => kid);
}

export async function ringIn(document: string, ...keks: string[]): Promise<KeyRing> {
  const parsed = await Promise.all((keks.length === 0 ? [KEK] : keks).map((kek) => parseKek(kek)));
  return (await openRing(document, parsed as [Kek, ...Kek[]])).ring;
}

/** The one record that each commit added, oldest first, also those no longer in the ring's tail. */
export async function recordsOf({ history }: Place): Promise<AuditRecord[]> {
  const rings = await Promise.all(history.map(({ document }) => ringIn(document, KEK, OTHER_KEK)));
  return rings.map((ring) => ring.auditTail.at(-1) as AuditRecord);
}

/** The code that `work` is refused with; `none` when it is not refused, `foreign` when by no KeyturnError. */
export async function codeOf(work: Promise<unknown>): Promise<ErrorCode | "none" | "foreign"> {
  return work.then(
    () => "none",
    (error: unknown) => (isKeyturnError(error) ? error.code : "foreign"),
  );
}
