/** Commands that were meant for the ring as somebody has seen it, and for no later one. */
import { KeyturnError } from "../errors.ts";
import { emitterOf } from "../ring/phase.ts";
import type { KeyRing } from "../ring/ring.ts";

/**
 * Asked inside the decision, on the very ring that the commit would replace, so that nothing can come between.
 *
 * @throws KeyturnError `precondition_failed`
 */
export function assertMeant({ generation }: KeyRing, generations: readonly number[] | undefined): void {
  if (generations === undefined || generations.includes(generation)) return;
  throw new KeyturnError("precondition_failed", `The ring has changed: its generation is ${generation}.`, {
    fix: "Look at the ring again, and repeat the command if it still makes sense.",
  });
}

/** @throws KeyturnError `kid_is_emitter` when the command was not meant to reach the key that signs. */
export function assertSpared(ring: KeyRing, kid: string, sparesEmitter: boolean | undefined): void {
  if (sparesEmitter !== true || emitterOf(ring).kid !== kid) return;
  throw new KeyturnError("kid_is_emitter", "The key of this kid signs at the moment.", {
    fix: "Rotate first and revoke it then; or, when it has leaked, say that this is an emergency.",
  });
}
