/**
 * A second witness of time. The wall clock alone must not end a hold: if it jumps forward, the
 * monotonic clock knows better. Each hold is noted when this process first sees it, with what was
 * left of it then; it has passed only when that much has gone by on the monotonic clock too. What
 * happened before the process started it cannot attest.
 */
import { keysIn } from "../ring/phase.ts";
import type { Step } from "../ring/plan.ts";
import { type KeyRing, keyOf } from "../ring/ring.ts";
import { emitDueAt } from "../ring/succession.ts";
import type { Reading } from "./snapshot.ts";

export interface Witness {
  /** Notes the holds of a ring that was just read. */
  observe(ring: KeyRing, reading: Reading): void;
  /** Whether the hold that `step` waits for has passed on the monotonic clock, give or take the skew. */
  confirms(ring: KeyRing, step: Step, reading: Reading): boolean;
}

export function witness(): Witness {
  let noted = new Map<string, { readonly monotonic: number; readonly remaining: number }>();

  const note = (hold: string, endsAt: number, { now, monotonic }: Reading) =>
    noted.get(hold) ?? { monotonic, remaining: endsAt - now };

  return {
    observe(ring, reading) {
      const holds = holdsOf(ring).map(({ name, endsAt }) => [name, note(name, endsAt, reading)] as const);
      noted = new Map(holds);
    },
    confirms(ring, step, reading) {
      const hold = holdsOf(ring).find(({ kid }) => "kid" in step && kid === step.kid);
      if (hold === undefined) return true;
      const { monotonic, remaining } = note(hold.name, hold.endsAt, reading);
      return reading.monotonic - monotonic >= remaining - ring.policy.skewSeconds - CLOCK_GRAIN_SECONDS;
    },
  };
}

/** Wall time is read in whole seconds. */
const CLOCK_GRAIN_SECONDS = 1;

function holdsOf(ring: KeyRing): { kid: string; name: string; endsAt: number }[] {
  return [...keysIn(ring, "accepted"), ...keysIn(ring, "retiring")].flatMap(({ kid }) => {
    const key = keyOf(ring, kid);
    const endsAt = key === undefined ? null : (key.acceptUntil ?? emitDueAt(key, ring.policy));
    return endsAt === null ? [] : [{ kid, name: `${kid} ${endsAt}`, endsAt }];
  });
}
