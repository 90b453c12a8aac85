/**
 * One door for every runtime: a Hono app over a manager. Routes that everyone may call, and, given
 * an API token, the one that signs. A GET never writes.
 */
import { type Context, Hono } from "hono";
import type { ApiTokens } from "../api-tokens/api-tokens.ts";
import type { Authenticate } from "../api-tokens/caller.ts";
import { isKeyturnError, type KeyturnError } from "../errors.ts";
import type { KeyManager } from "../manager/manager.ts";
import type { OnEvent } from "../telemetry/events.ts";
import { type ApiTokenCheck, soleCaller } from "./api-token.ts";
import { ownApiTokenOperations } from "./api-token-operations.ts";
import { callerCheck } from "./caller-check.ts";
import { DISCOVERY_PATHS, discoveryDocument } from "./discovery.ts";
import { isAdmitted, mount } from "./door.ts";
import { failureReport } from "./failure-report.ts";
import { healthRoutes } from "./health.ts";
import { cacheControl, headerPairs, JWKS_PATH, type JwksAnswers, jwksAnswers } from "./jwks.ts";
import { problemResponse } from "./problem.ts";
import { publicJwksUrl } from "./public-jwks.ts";
import { DENIAL_RATE, type RateLimit, RateLimited, rateLimiter, SIGN_RATE } from "./rate-limit.ts";
import { BATCH_TOKENS_MAX, isSignPath, signOperations } from "./sign.ts";
import { exactly, type KnownPath, pathsOf, unmatched } from "./unmatched.ts";

export interface AppOptions {
  readonly manager: KeyManager;
  /** Who presents an API token, and may sign by its role. Default: who presents `apiToken`. */
  readonly authenticate?: Authenticate;
  /** The one API token that signs, where there is no `authenticate`. Default: nobody signs, and there is no such route. */
  readonly apiToken?: ApiTokenCheck;
  /** Lets holders of an API token see how long it is good, and fetch its successor. Default: there are no such routes. */
  readonly apiTokens?: ApiTokens;
  /** Where the public finds the JWKS. Default: `/.well-known/jwks.json` below the issuer. */
  readonly jwksUrl?: string;
  /** Told of tokens signed and refused and of requests that failed inside. Default: nobody. */
  readonly onEvent?: OnEvent;
  /** The JWKS answers, where the caller serves them on a faster path too. Default: its own. */
  readonly answers?: JwksAnswers;
  readonly limits?: {
    /**
     * Tokens signed for each API token. Default 50,000 a second, 100,000 at once; `burst` is at least
     * 100, a whole batch.
     */
    readonly caller?: RateLimit;
    /**
     * Of refusals told, for each API token and for all strangers together, and of requests told that
     * failed inside. Default 10 a second, 200 at once.
     */
    readonly denials?: RateLimit;
  };
}

/** @throws KeyturnError `config_invalid` for limits under which a batch could never be signed */
export function createApp(options: AppOptions): Hono {
  const { manager, onEvent = () => {}, answers = jwksAnswers(options.manager), limits = {} } = options;
  const jwksUrl = publicJwksUrl({ issuer: manager.issuer, jwksUrl: options.jwksUrl });
  const monotonic = () => manager.clock.monotonic();
  const denialRate = limits.denials ?? DENIAL_RATE;
  const app = new Hono();

  app.get(JWKS_PATH, (c) => jwksResponse(c, answers));
  app.options(JWKS_PATH, () => new Response(null, { status: 204, headers: PREFLIGHT }));
  for (const path of DISCOVERY_PATHS) {
    app.get(path, (c) =>
      c.json(discoveryDocument(manager, jwksUrl), 200, {
        "Cache-Control": cacheControl(manager.ring(), manager.lagSeconds()),
        "Access-Control-Allow-Origin": "*",
      }),
    );
  }
  app.route("/", healthRoutes(manager, options.apiTokens));
  const authenticate =
    options.authenticate ?? (options.apiToken === undefined ? null : soleCaller(options.apiToken));
  const operations =
    authenticate === null
      ? []
      : [
          ...signOperations(manager, onEvent),
          ...(options.apiTokens === undefined
            ? []
            : ownApiTokenOperations(options.apiTokens, { others: false })),
        ];
  if (authenticate !== null) {
    const denials = rateLimiter(denialRate);
    mount(app, operations, {
      manager,
      check: callerCheck({ authenticate, denials, monotonic, onEvent }),
      rate: rateLimiter(limits.caller ?? SIGN_RATE, BATCH_TOKENS_MAX),
    });
  }

  const paths = [...READ_PATHS, ...pathsOf(operations)];
  app.notFound((c) => unmatched(c, paths));
  const failed = failureReport({ rate: denialRate, monotonic, onEvent });
  app.onError((error, c) => {
    if (isRefusedToken(error, c))
      onEvent({ type: "token_refused", kid: manager.status().emitter, code: error.code });
    else failed(error);
    return problemResponse(error);
  });
  return app;
}

const READ_PATHS: readonly KnownPath[] = [
  exactly(JWKS_PATH, "GET, HEAD, OPTIONS"),
  ...[...DISCOVERY_PATHS, "/livez", "/readyz"].map((path) => exactly(path, "GET, HEAD")),
];

/** A browser asks before it sends `If-None-Match` (Fetch standard, CORS preflight). */
const PREFLIGHT = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Allow-Methods": "GET, HEAD",
  "Access-Control-Allow-Headers": "If-None-Match",
  "Access-Control-Max-Age": "86400",
};

function jwksResponse(c: Context, answers: JwksAnswers): Response {
  const answer = answers(c.req.header("If-None-Match"));
  return new Response(answer.body, { status: answer.status, headers: headerPairs(answer) });
}

/**
 * Whether it kept a caller who may sign from a token. Strangers are told of as denials, so many as the
 * rate lets through, and who asks too often is not told of at all: nobody is to fill the log at will.
 */
function isRefusedToken(error: unknown, c: Context): error is KeyturnError {
  return isSignPath(c.req.path) && isAdmitted(c) && isKeyturnError(error) && !(error instanceof RateLimited);
}
