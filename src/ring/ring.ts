/**
 * The key ring: a small immutable document, and what a key in it is. Every fact about time is an
 * absolute instant written by the step that made it true, so that no later change of policy can
 * shorten a promise already given.
 */
import type { Algorithm } from "./algorithm.ts";
import type { AuditRecord } from "./audit.ts";
import type { RotationPolicy } from "./policy.ts";

/**
 * Live keys of a ring at most; every verifier downloads them all. Only turnovers by hand in quick
 * succession get there: the ring then accepts no further key until one has left.
 */
export const LIVE_KEYS_MAX = 10;

export interface KeyRing {
  /** Random, made at init; shown in the JWKS as `ring`. */
  readonly id: string;
  /** +1 at every commit; shown in the JWKS. */
  readonly generation: number;
  readonly committedAt: number;
  readonly policy: RotationPolicy;
  /** When an operator stopped the automatic steps; null when they run. */
  readonly pausedAt: number | null;
  /** When an operator asked for the next turnover ahead of schedule; null when nobody did. */
  readonly rotateRequestedAt: number | null;
  /**
   * By when every cache filled under an earlier policy has let go of what it held. A key published
   * after a change to a shorter cache TTL still waits for the copies made under the longer one.
   */
  readonly jwksHeldUntil: number;
  /** Live keys in the order of their acceptance. */
  readonly keys: readonly RingKey[];
  /** Revoked kids: all that an operator revoked, and the newest of those that were retired by the schedule. */
  readonly tombstones: readonly Tombstone[];
  /** The newest records, oldest first; the last is the head of the chain. Never empty once committed. */
  readonly auditTail: readonly AuditRecord[];
}

export interface RingKey {
  /** RFC 7638 SHA-256 thumbprint of the public key; of an imported key whatever its verifiers know it by. */
  readonly kid: string;
  readonly alg: Algorithm;
  readonly publicJwk: PublicJwk;
  /** The private JWK as an encrypted JWK (RFC 7517 section 7). */
  readonly sealedJwk: string;
  /** Present on a key that signed elsewhere before this ring was made. */
  readonly imported?: true;
  /** When the key was accepted into the ring. */
  readonly createdAt: number;
  /** When publication was confirmed; null while a probe has not yet seen the key served. */
  readonly publishedAt: number | null;
  /** Promise made at publication: not before this instant does the key emit, save an audited early emit. */
  readonly emitAfter: number | null;
  readonly emittedAt: number | null;
  /** True when an emergency made the key emit before `emitAfter`. */
  readonly earlyEmit: boolean;
  /** The longest retire hold of any policy in force while the key emitted; null until it has. */
  readonly retireHoldSeconds: number | null;
  readonly retiredAt: number | null;
  /** Promise made on retiring: published until this instant. */
  readonly acceptUntil: number | null;
  /** When a rollback took the key out of service, or was ruled out by a late arrival; such a key never emits again. */
  readonly rolledBackAt: number | null;
  /** When a rollback made the key emit again; null for one that the schedule made emit. */
  readonly reinstatedAt: number | null;
}

/**
 * What a kid may be: visible ASCII, so that it can stand in a log, and no longer than the verifier takes.
 * `.` and `..` are steps in a path, however they are written, so no command over HTTP could name them.
 */
export function isKid(text: string): boolean {
  return /^(?!\.{1,2}$)[!-~]{1,256}$/.test(text);
}

export interface Tombstone {
  readonly kid: string;
  readonly revokedAt: number;
  readonly revokedBecause: string;
}

/** Why a key leaves without an operator: its last token has expired, or the policy wants another algorithm. */
export const ROUTINE_REASONS = ["retired", "superseded"] as const;

export type RoutineReason = (typeof ROUTINE_REASONS)[number];

/** A ring turns over for ever, but a store's document is bounded; the audit log remembers every kid. */
export const ROUTINE_TOMBSTONES_MAX = 32;

export function isRoutine({ revokedBecause }: Tombstone): boolean {
  return (ROUTINE_REASONS as readonly string[]).includes(revokedBecause);
}

/** The public members of a JWK, by key type (RFC 7518 section 6, RFC 8037 section 2; AKP for ML-DSA). */
export type PublicJwk =
  | { readonly kty: "EC"; readonly crv: string; readonly x: string; readonly y: string }
  | { readonly kty: "RSA"; readonly n: string; readonly e: string }
  | { readonly kty: "OKP"; readonly crv: string; readonly x: string }
  | { readonly kty: "AKP"; readonly alg: string; readonly pub: string };

/** A freshly generated key, sealed for one ring and in no ring yet. */
export type NewKey = Pick<RingKey, "kid" | "alg" | "publicJwk" | "sealedJwk">;

export function keyOf(ring: KeyRing, kid: string): RingKey | undefined {
  return ring.keys.find((key) => key.kid === kid);
}

export function tombstoneOf(ring: KeyRing, kid: string): Tombstone | undefined {
  return ring.tombstones.find((tombstone) => tombstone.kid === kid);
}
