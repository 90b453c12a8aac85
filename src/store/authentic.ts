/** How whoever knows the KEK judges what another node left half done (`judgeBy`). */
import { isKeyturnError } from "../errors.ts";
import type { Accepts } from "./store.ts";

/** What does not open, or breaks a promise, is nobody's successor: whoever left it decides again. */
export function authentic(accepts: Accepts): Accepts {
  return async (successor, base) => {
    try {
      return await accepts(successor, base);
    } catch (error) {
      if (isKeyturnError(error)) return false;
      throw error;
    }
  };
}
