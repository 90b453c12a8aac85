/**
 * The first ring of an issuer that runs already: its key goes on emitting, at its true age and under
 * its own kid. Unlike a ring made from nothing, the world knows tokens and copies of a JWKS from before,
 * and this ring has to wait for both.
 */
import { marginSeconds, retireHold } from "./hold.ts";
import type { RotationPolicy } from "./policy.ts";
import type { NewKey, RingKey } from "./ring.ts";
import { type Change, firstRing } from "./step.ts";

/** What was promised with the key before it came here. */
export interface Past {
  /** Since when it emits. */
  readonly createdAt: number;
  /** The longest lifetime of the tokens that it signed. */
  readonly tokenSeconds: number;
  /** For how long anyone may keep the JWKS that was served with it. */
  readonly jwksCacheSeconds: number;
}

/** The standby's hold starts with the first tick of a node that serves it, or when a probe has seen it: not before. */
export function adoptedRing(
  id: string,
  policy: RotationPolicy,
  [adopted, standby]: readonly [NewKey, NewKey | null],
  past: Past,
  now: number,
): Change {
  const { ring, event } = firstRing(id, policy, [adopted, standby], now, false);
  const [emitter, ...others] = ring.keys as [RingKey, ...RingKey[]];
  const { createdAt } = past;
  const grown: RingKey = {
    ...emitter,
    imported: true,
    createdAt,
    publishedAt: createdAt,
    emitAfter: createdAt,
    emittedAt: createdAt,
    retireHoldSeconds: retireHoldSeconds(policy, past),
  };
  return {
    ring: { ...ring, keys: [grown, ...others], jwksHeldUntil: now + copiesLiveSeconds(policy, past) },
    event: { ...event, details: { imported: true, createdAt } },
  };
}

/** Tokens signed before outlive the key by their own lifetime, not by that of the new policy. */
function retireHoldSeconds(policy: RotationPolicy, { tokenSeconds }: Past): number {
  return retireHold({ ...policy, tokenSeconds: Math.max(policy.tokenSeconds, tokenSeconds) }).seconds;
}

/** Once at an edge and once in a verifier, by an issuer that took no margin off its max-age. */
function copiesLiveSeconds(policy: RotationPolicy, { jwksCacheSeconds }: Past): number {
  return 2 * jwksCacheSeconds + marginSeconds(policy);
}
