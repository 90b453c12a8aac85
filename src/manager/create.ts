import { generateKey } from "../keys/generate.ts";
import type { Kek } from "../keys/kek.ts";
import { randomRingId } from "../keys/random.ts";
import type { RotationPolicy } from "../ring/policy.ts";
import { firstRing } from "../ring/step.ts";
import type { Decide } from "./commit.ts";

/** Decides to create a ring where there is none. Of many nodes that do so at once, one commit wins. */
export function createRing(policy: RotationPolicy, kek: Kek, confirmed: boolean): Decide {
  const id = randomRingId();
  const make = () => generateKey(policy, id, kek);
  const keys = once(() => Promise.all([make(), policy.standby ? make() : null]));
  return async (base, now) => (base === null ? firstRing(id, policy, await keys(), now, confirmed) : null);
}

/** Whatever else is decided again after a conflict, keys are made once. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
