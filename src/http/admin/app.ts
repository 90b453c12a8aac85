/**
 * The control plane over HTTP: for operators, pipelines and dashboards, behind API tokens with roles. Best on
 * a listener that the public does not reach; all that the public needs is in `createApp`.
 */
import { type Context, Hono } from "hono";
import type { ApiTokens } from "../../api-tokens/api-tokens.ts";
import type { Authenticate } from "../../api-tokens/caller.ts";
import type { KeyManager } from "../../manager/manager.ts";
import type { OnEvent } from "../../telemetry/events.ts";
import { apiTokenOperations } from "../api-token-operations.ts";
import { callerCheck } from "../caller-check.ts";
import { mount } from "../door.ts";
import { failureReport } from "../failure-report.ts";
import { idempotencyMemory, type KeptAnswers } from "../idempotency.ts";
import { METRICS_PATH, metricsRoutes, type Scrape } from "../metrics.ts";
import { assertSameSite } from "../origin.ts";
import { problemResponse } from "../problem.ts";
import { ADMIN_RATE, DENIAL_RATE, type RateLimit, rateLimiter } from "../rate-limit.ts";
import { signOperations } from "../sign.ts";
import { exactly, pathsOf, unmatched } from "../unmatched.ts";
import { type AuditSource, auditOperations, ringTail } from "./audit-operations.ts";
import { openApiDocument } from "./openapi.ts";
import { type CountLiveTokens, ringOperations } from "./ring-operations.ts";

export const OPENAPI_PATH = "/openapi.json";

export interface AdminOptions {
  readonly manager: KeyManager;
  readonly authenticate: Authenticate;
  readonly apiTokens: ApiTokens;
  /** Where GET /v1/audit reads. Default: the newest records, inside the ring. */
  readonly audit?: AuditSource;
  /** Where answers under an `Idempotency-Key` outlive this process. Default: nowhere. */
  readonly answers?: KeptAnswers;
  /** How many tokens of a kid are alive, for the answer to a revoke. Default: nobody counts them. */
  readonly liveTokens?: CountLiveTokens;
  /** What `GET /metrics` shows. Default: there is no such route. */
  readonly metrics?: {
    /** Brings the gauges up to date and gives what to scrape. */
    readonly scrape: () => Scrape;
    /**
     * Whether it wants no API token: where only the machine that scrapes can reach it, it goes on
     * through an outage in which nobody can be told from anybody. Default false: a role that may read the status.
     */
    readonly toEveryone?: boolean;
  };
  /** Told of callers turned away and of requests that failed. Default: nobody. */
  readonly onEvent?: OnEvent;
  readonly limits?: {
    /** Of each API token. Default 100 a second, 1000 at once. */
    readonly caller?: RateLimit;
    /**
     * Of refusals told, for each API token and for all strangers together, and of requests told that
     * failed inside. Default 10 a second, 200 at once.
     */
    readonly denials?: RateLimit;
  };
}

export function createAdminApp(options: AdminOptions): Hono {
  const { manager, authenticate, apiTokens, onEvent = () => {}, limits = {} } = options;
  const operations = [
    ...ringOperations(manager, options.liveTokens ?? (() => null)),
    ...auditOperations(manager, options.audit ?? ringTail(manager)),
    ...apiTokenOperations(apiTokens),
  ];
  const monotonic = () => manager.clock.monotonic();
  const denialRate = limits.denials ?? DENIAL_RATE;

  const app = new Hono();
  const check = callerCheck({ authenticate, denials: rateLimiter(denialRate), monotonic, onEvent });
  mount(app, operations, {
    manager,
    check,
    rate: rateLimiter(limits.caller ?? ADMIN_RATE),
    memory: idempotencyMemory(options.answers),
    sameSiteOnly: true,
  });
  const description = openApiDocument([...operations, ...signOperations(manager, onEvent)]);
  app.get(OPENAPI_PATH, (c) => {
    check.telling(null, { path: OPENAPI_PATH, action: null }, () => assertSameSite(c));
    return c.json(description, 200, { "Cache-Control": "no-store" });
  });

  if (options.metrics !== undefined) {
    const { scrape, toEveryone = false } = options.metrics;
    const asked = { path: METRICS_PATH, action: "read-status" } as const;
    const authorize = async (c: Context) => {
      check.telling(null, asked, () => assertSameSite(c));
      if (!toEveryone) await check.admit(c, asked);
    };
    app.route("/", metricsRoutes({ scrape, authorize }));
  }

  const read = options.metrics === undefined ? [OPENAPI_PATH] : [OPENAPI_PATH, METRICS_PATH];
  const paths = [...pathsOf(operations), ...read.map((path) => exactly(path, "GET, HEAD"))];
  app.notFound((c) => unmatched(c, paths));
  const failed = failureReport({ rate: denialRate, monotonic, onEvent });
  app.onError((error) => {
    failed(error);
    return problemResponse(error);
  });
  return app;
}

/** Whether a path is the control plane's, for a listener that serves it beside the public app. */
export function isAdminPath(path: string): boolean {
  return (
    [OPENAPI_PATH, METRICS_PATH].includes(path) || /^\/v1\/(ring|keys|audit|api-tokens)(\/|$)/.test(path)
  );
}
