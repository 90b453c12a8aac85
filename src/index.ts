/**
 * keyturn: JWT signing keys that turn themselves over with no honest token rejected.
 *
 * A **key ring** is a small document in a **store**. It holds a few keys, each in a phase that
 * follows from what has been done with it, and a **policy** that says how long things take:
 *
 *     accepted   in the JWKS, does not sign yet     until every cache must have seen it
 *     emitting   in the JWKS, signs                 exactly one key at any time
 *     retiring   in the JWKS, signs no more         until its last token has expired
 *     revoked    gone, private half destroyed       for ever
 *
 * For most uses, {@link createKeyManager} is all there is: give it a store and an issuer, call
 * `sign`, publish `jwks()`, and call `tick` now and then. Any number of nodes may share the store
 * and tick as often as they like: each step is taken once, when its hold has passed, and not before.
 *
 * ```ts
 * const keys = await createKeyManager({ store: memoryStore(), issuer: "https://auth.example.com" });
 * const { token } = await keys.sign({ sub: "user-1", aud: "orders" });
 * ```
 *
 * Where another process turns the ring over, {@link openSigner} signs with it and needs only to read.
 *
 * - `keyturn/verifier` verifies tokens by a JWKS, this one or any other, and bears its outages.
 * - `keyturn/http` serves a manager as a Hono app: JWKS, discovery, health, signing.
 * - `keyturn/node` adds the file store, the schedule and a whole configured server.
 * - `keyturn/testing` has an issuer for your tests, and the proof that a store of your own can be trusted.
 *
 * The rules are in src/ring and nothing else is: no I/O, no clock, no randomness. How they fit
 * together, and why they are right, is told in ARCHITECTURE.md.
 *
 * @module
 */
export type { ApiTokenView } from "./api-tokens/api-token.ts";
export {
  type ApiTokens,
  type ApiTokensOptions,
  type ApiTokensStatus,
  createApiTokens,
  type TokenUse,
} from "./api-tokens/api-tokens.ts";
export type { Authenticate, Caller } from "./api-tokens/caller.ts";
export type { Role } from "./api-tokens/role.ts";
export type { Scope } from "./api-tokens/scope.ts";
export { type Clock, systemClock } from "./clock.ts";
export { type ErrorCode, isKeyturnError, KeyturnError, type Problem } from "./errors.ts";
export type { KeyToAdopt } from "./keys/adopt.ts";
export { type Kek, parseKek } from "./keys/kek.ts";
export type { Adoption } from "./manager/adopt.ts";
export type { Command, Commands, Outcome, RevokeOutcome, RotateOutcome } from "./manager/commands.ts";
export type { Exporter, ExportOrder, ExportOutcome } from "./manager/export-key.ts";
export { createKeyManager, type KeyManager, type KeyManagerOptions } from "./manager/manager.ts";
export { type Later, openSigner, type RingSigner, type SignerOptions } from "./manager/ring-signer.ts";
export type { Anchor } from "./manager/snapshot.ts";
export type { KeyStatus, Status } from "./manager/status.ts";
export type { Probe, TickResult } from "./manager/tick.ts";
export type { Claims, SignedToken, SignOptions } from "./manager/token.ts";
export { ALGORITHMS, type Algorithm } from "./ring/algorithm.ts";
export type { AuditRecord } from "./ring/audit.ts";
export type { Hold, Term } from "./ring/hold.ts";
export type { PublicJwks, PublishedJwk } from "./ring/jwks.ts";
export type { PlannedStep, Step } from "./ring/plan.ts";
export { DEFAULT_POLICY, type RotationPolicy } from "./ring/policy.ts";
export type { KeyRing, RingKey, Tombstone } from "./ring/ring.ts";
export { memoryStore } from "./store/memory.ts";
export type { Accepts, RingStore, Stored } from "./store/store.ts";
export type { BlockedBecause, KeyturnEvent } from "./telemetry/events.ts";
