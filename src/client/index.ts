/**
 * Signs JWTs through a keyturn service in another process, on Node, on Workers and in other runtimes
 * with `fetch`.
 *
 * ```ts
 * const client = createClient({
 *   url: "https://auth.example.com",
 *   tokenStore: fileTokenStore("/var/lib/orders/keyturn-api-token"),
 * });
 * const { token } = await client.sign({ sub: "user-1", aud: "orders" });
 * ```
 *
 * The API token turns over by itself: its successor is fetched ahead of its end and saved in the token
 * store (`fileTokenStore` is in `keyturn/node`), and while both are good either is accepted. An operator
 * may rotate it too, or put another into the store; clients notice within two minutes. Make one client
 * and keep it; on Workers with `requestsMax: Infinity`, and pass `waitUntil` to `sign`.
 *
 * What fails is tried again with full jitter for `patienceSeconds`, which a restart of the service fits into;
 * after five calls in a row that failed for good a circuit breaker leaves the service alone for 30 s.
 * Signing twice does no harm: a token that nobody got is nobody's.
 *
 * @module
 */
export type { BreakerState } from "./breaker.ts";
export { type Client, type ClientHealth, createClient, type SignOptions } from "./client.ts";
export type { ClientEvent, OnClientEvent, TokenOrigin } from "./events.ts";
export type { ClientOptions, TokenStore } from "./options.ts";
export type { RenewalFailure } from "./renewal.ts";
export type { ServiceFailure } from "./service.ts";
export type { Claims, SignedToken } from "./signed-token.ts";
export type { Timer } from "./timer.ts";
