import { generateKey } from "../keys/generate.ts";
import type { Kek } from "../keys/kek.ts";
import type { RotationPolicy } from "../ring/policy.ts";
import type { NewKey } from "../ring/ring.ts";

/** Makes the key that one command may need: generated at most once, however often the decision is taken again. */
export type FreshKey = (policy: RotationPolicy, ring: string, kek: Kek) => Promise<NewKey>;

/** A key that in the end is not needed was never stored, and is gone with the command. */
export function freshKey(): FreshKey {
  const made = new Map<string, Promise<NewKey>>();
  return (policy, ring, kek) => {
    const kind = `${policy.alg} ${policy.rsaBits} ${kek.id}`;
    const key = made.get(kind) ?? generateKey(policy, ring, kek);
    made.set(kind, key);
    return key;
  };
}
