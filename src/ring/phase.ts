/**
 * The truth table of a key's life. A phase is never stored: it follows from the instants that
 * the steps wrote down, so that it cannot disagree with them.
 *
 *     phase      in the JWKS   signs
 *     accepted   yes           no
 *     emitting   yes           yes
 *     retiring   yes           no
 *     revoked    no            no
 */
import type { KeyRing, RingKey } from "./ring.ts";

export type Phase = "accepted" | "emitting" | "retiring" | "revoked";

/** The phase of a key that is still in the ring; a revoked one has left only its tombstone. */
export function phaseOf(key: RingKey): Exclude<Phase, "revoked"> {
  if (key.retiredAt !== null) return "retiring";
  if (key.emittedAt !== null) return "emitting";
  return "accepted";
}

/** The keys in `phase`, in the order in which they were accepted. */
export function keysIn(ring: KeyRing, phase: Exclude<Phase, "revoked">): RingKey[] {
  return ring.keys.filter((key) => phaseOf(key) === phase);
}

/** The one key that signs. */
export function emitterOf(ring: KeyRing): RingKey {
  const [emitter] = keysIn(ring, "emitting");
  if (emitter === undefined)
    throw new Error("A ring has exactly one emitting key; assertRing let none pass.");
  return emitter;
}

/**
 * Whether the JWKS shows the key at `now`. A retiring key leaves by the clock alone, at the
 * instant promised when it retired: a scheduler that stopped must not keep it trusted.
 */
export function isPublished(key: RingKey, now: number): boolean {
  return key.acceptUntil === null || now < key.acceptUntil;
}
