/**
 * For the tests of those who build on keyturn.
 *
 * - `createTestIssuer` is an issuer that turns over, fails and lies on command, to test a service
 *   that verifies tokens.
 * - `storeContract` says what a store must do, to test a store of your own.
 *
 * @module
 */
export { FORGERIES, type Forge, type Forgeries, type Forgery, type SignUnchecked } from "./forged-token.ts";
export { type FailedStatus, type Faults, LIES, type Lie } from "./issuer-faults.ts";
export { type MovableClock, movableClock } from "./movable-clock.ts";
export { type StoreBench, type StoreCase, storeContract } from "./store-contract.ts";
export {
  createTestIssuer,
  type TestIssuer,
  type TestIssuerOptions,
  type TestRequest,
} from "./test-issuer.ts";
export type { PassOptions, Turnover, Turnovers } from "./turnover.ts";
