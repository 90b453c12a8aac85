/** The HTTP app of a key manager, for any runtime that Hono runs on. */
export { type ApiTokenCheck, apiTokenCheck } from "./api-token.ts";
export { type AppOptions, createApp } from "./app.ts";
export { type Asked, actorOf, type CallerCheck, callerCheck } from "./caller-check.ts";
export { JWKS_PATH } from "./jwks.ts";
export { watchedAnswers } from "./jwks-watch.ts";
export { METRICS_PATH, type MetricsOptions, metricsRoutes, type Scrape } from "./metrics.ts";
export { DENIAL_RATE, type RateLimit, rateLimiter } from "./rate-limit.ts";
