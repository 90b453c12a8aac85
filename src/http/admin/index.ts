/** The control plane of a key manager as a Hono app, for any runtime that Hono runs on. */
export type { EdgeBound } from "./answers.ts";
export { type AdminOptions, createAdminApp, isAdminPath, OPENAPI_PATH } from "./app.ts";
export { type AuditSource, ringTail } from "./audit-operations.ts";
export type { CountLiveTokens } from "./ring-operations.ts";
