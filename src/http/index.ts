/** The HTTP app of a key manager, for any runtime that Hono runs on. */
export { type ApiTokenCheck, apiTokenCheck } from "./api-token.ts";
export { type AppOptions, createApp } from "./app.ts";
export { JWKS_PATH } from "./jwks.ts";
