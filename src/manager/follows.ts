/** Which ring may follow which, where a store finds a commit that another node left half done. */
import type { Kek } from "../keys/kek.ts";
import { openRing } from "../keys/sealed-ring.ts";
import { assertSuccession } from "../ring/invariant.ts";
import { authentic } from "../store/authentic.ts";
import type { Accepts } from "../store/store.ts";

/** One that opens under a KEK in use and keeps every promise of the ring before it. */
export function followsRing(keks: readonly Kek[]): Accepts {
  return authentic(async (successor, base) => {
    const { ring } = await openRing(successor, keks);
    if (base === null) return ring.generation === 1;
    assertSuccession((await openRing(base, keks)).ring, ring);
    return true;
  });
}
