/**
 * One door for every runtime: a Hono app over a manager. Routes that everyone may call, and, given
 * an API token, the one that signs. A GET never writes.
 */
import { type Context, Hono } from "hono";
import { isKeyturnError, KeyturnError } from "../errors.ts";
import type { KeyManager } from "../manager/manager.ts";
import type { OnEvent } from "../telemetry/events.ts";
import type { ApiTokenCheck } from "./api-token.ts";
import { DISCOVERY_PATHS, discoveryDocument } from "./discovery.ts";
import { healthRoutes } from "./health.ts";
import { cacheControl, JWKS_PATH, type JwksAnswers, jwksAnswers } from "./jwks.ts";
import { problemResponse } from "./problem.ts";
import { signRoutes, TOKENS_PATH } from "./sign.ts";

export interface AppOptions {
  readonly manager: KeyManager;
  /** Who may sign. Default: nobody, and there is no such route. */
  readonly apiToken?: ApiTokenCheck;
  /** Where the public finds the JWKS. Default: `/.well-known/jwks.json` below the issuer. */
  readonly jwksUrl?: string;
  /** Told of tokens signed and refused and of requests that failed inside. Default: nobody. */
  readonly onEvent?: OnEvent;
  /** The JWKS answers, where the caller serves them on a faster path too. Default: its own. */
  readonly answers?: JwksAnswers;
}

export function createApp(options: AppOptions): Hono {
  const { manager, apiToken, onEvent = () => {}, answers = jwksAnswers(options.manager) } = options;
  const jwksUrl = options.jwksUrl ?? `${manager.issuer.replace(/\/$/, "")}${JWKS_PATH}`;
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
  app.route("/", healthRoutes(manager));
  if (apiToken !== undefined) app.route("/", signRoutes(manager, apiToken, onEvent));

  app.notFound((c) => unmatched(c, apiToken === undefined ? READ_PATHS : [...READ_PATHS, TOKENS_PATH]));
  app.onError((error, c) => {
    report(error, c, manager, onEvent);
    return problemResponse(error);
  });
  return app;
}

const READ_PATHS: readonly string[] = [JWKS_PATH, ...DISCOVERY_PATHS, "/livez", "/readyz"];

const ALLOWED: Readonly<Record<string, string>> = {
  [JWKS_PATH]: "GET, HEAD, OPTIONS",
  [TOKENS_PATH]: "POST",
};

/** A browser asks before it sends `If-None-Match` (Fetch standard, CORS preflight). */
const PREFLIGHT = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Allow-Methods": "GET, HEAD",
  "Access-Control-Allow-Headers": "If-None-Match",
  "Access-Control-Max-Age": "86400",
};

function jwksResponse(c: Context, answers: JwksAnswers): Response {
  const { status, headers, body } = answers(c.req.header("If-None-Match"));
  const pairs: [string, string][] = [];
  for (let i = 0; i < headers.length; i += 2) pairs.push([headers[i] as string, headers[i + 1] as string]);
  return new Response(body, { status, headers: pairs });
}

/** A path that exists, asked with a method that it does not take, says which ones it does (RFC 9110 section 15.5.6). */
function unmatched(c: Context, paths: readonly string[]): Response {
  if (!paths.includes(c.req.path)) {
    return problemResponse(
      new KeyturnError("not_found", "There is nothing at this path.", { fix: "See README.md." }),
    );
  }
  const allow = ALLOWED[c.req.path] ?? "GET, HEAD";
  const error = new KeyturnError("method_not_allowed", `${c.req.method} does not work here.`, {
    fix: `Use ${allow}.`,
  });
  return problemResponse(error, { Allow: allow });
}

/** A refused token is an event of its own; every other failure is for the operator's log. */
function report(error: unknown, c: Context, manager: KeyManager, onEvent: OnEvent): void {
  if (isKeyturnError(error) && c.req.path === TOKENS_PATH) {
    onEvent({ type: "token_refused", kid: manager.status().emitter, code: error.code });
  } else {
    onEvent({ type: "request_failed", error });
  }
}
