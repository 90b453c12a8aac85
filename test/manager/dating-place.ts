/** A place that dates what it takes, by a clock of its own; and two nodes on it, one of them about to turn over. */
import { emitHold, retireHold } from "../../src/ring/hold.ts";
import { parsePolicy, type RotationPolicy } from "../../src/ring/policy.ts";
import type { RingStore } from "../../src/store/store.ts";
import { place } from "./faulty-store.ts";
import { openNode, settle, type TestNode } from "./fleet.ts";
import { type ManualClock, manualClock } from "./manual-clock.ts";

export interface DatingPlace extends RingStore {
  /** Puts `document` there as whoever restores a backup does. */
  put(document: string): void;
  /** Whatever else makes a store date its newest document anew. */
  touch(): void;
}

export function datingPlace(clock: ManualClock): DatingPlace {
  const there = place();
  let storedAt = 0;
  const touch = () => {
    storedAt = clock.now() + 0.5;
  };
  return {
    ...there,
    touch,
    async load() {
      const stored = await there.load();
      return stored === null ? null : { ...stored, storedAt };
    },
    async replace(document, expected) {
      const revision = await there.replace(document, expected);
      touch();
      return revision;
    },
    put(document) {
      there.restore(document);
      touch();
    },
  };
}

/** Tokens of an hour decide the retire hold; no standby, so that an emit stays the last commit. */
export const POLICY: RotationPolicy = parsePolicy({ tokenSeconds: 3600, standby: false });
export const RETIRE_HOLD: number = retireHold(POLICY).seconds;

export interface TwoNodes {
  readonly a: TestNode;
  readonly b: TestNode;
  /** The kid that emits until `a` ticks. */
  readonly old: string;
  /** Time passes for everybody, and nobody looks. */
  advance(seconds: number): void;
  /** Time passes for everybody, and both nodes refresh. */
  pass(seconds: number): Promise<void>;
}

/** @param real the place's clock */
export async function aboutToTurnOver(there: RingStore, real: ManualClock): Promise<TwoNodes> {
  const a = await openNode(there, { clock: manualClock(), policy: POLICY });
  const b = await openNode(there, { clock: manualClock(), policy: POLICY });
  const advance = (seconds: number) => {
    for (const clock of [real, a.clock, b.clock]) clock.advance(seconds);
  };
  const pass = async (seconds: number) => {
    advance(seconds);
    await a.keys.refresh();
    await b.keys.refresh();
  };
  await pass(60);
  await a.keys.rotate();
  await settle(a);
  await pass(emitHold(POLICY).seconds + 1);
  return { a, b, old: a.keys.status().emitter, advance, pass };
}
