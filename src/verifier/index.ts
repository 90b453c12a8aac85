/**
 * Verifies JWTs by their issuer's JWKS, on Node, on Workers and in browsers; any issuer's, not only
 * keyturn's.
 *
 * ```ts
 * const verifier = createVerifier({
 *   issuer: "https://auth.example.com",
 *   audience: "orders",
 *   jwksUrl: "https://auth.example.com/.well-known/jwks.json",
 * });
 * const { claims, kid } = await verifier.verify(token);
 * ```
 *
 * A token is accepted when its form, its key, its signature and its claims are right, in that order.
 * What can go wrong is in two kinds, told apart by `error.status`: 401, the token is bad; 503, the
 * keys are not there, try again. While the JWKS endpoint is down, the keys that it gave last are used
 * on for `maxStaleSeconds`.
 *
 * - `keyturn/verifier/hono`, `/express`, `/fastify` and `/fetch` protect routes.
 * - `keyturn/testing` has an issuer that turns over, fails and lies on command.
 *
 * @module
 */
export { VERIFY_ALGORITHMS, type VerifyAlgorithm } from "./algorithms.ts";
export type { VerifierStats } from "./counters.ts";
export type { OnVerifierEvent, VerifierEvent } from "./events.ts";
export type { FetchFailure } from "./fetch-jwks.ts";
export type { SkipReason } from "./jwk.ts";
export type { WaitUntil } from "./jwks-source.ts";
export type { CommonOptions, IssuerOptions, Trace, VerifierOptions } from "./options.ts";
export type { Claims, Header } from "./parse.ts";
export { isVerifyError, type RefusalReason, VerifyError } from "./refusal.ts";
export { cacheApiSnapshots, kvSnapshots, type SnapshotStore } from "./snapshots.ts";
export {
  createVerifier,
  type IssuerHealth,
  type VerifiedToken,
  type Verifier,
  type VerifierHealth,
  type VerifyOptions,
} from "./verifier.ts";
