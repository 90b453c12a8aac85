/** `POST /v1/tokens`: signs a JWT for a holder of the API token. */

import { type Context, Hono, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import { KeyturnError } from "../errors.ts";
import type { KeyManager } from "../manager/manager.ts";
import { listed, problemsOf } from "../schema.ts";
import type { OnEvent } from "../telemetry/events.ts";
import type { ApiTokenCheck } from "./api-token.ts";

export const TOKENS_PATH = "/v1/tokens";

/** Twice what claims may take, so that a body a little too large still gets an answer that says why. */
const BODY_BYTES_MAX = 16_384;

const bodySchema = z.strictObject(
  {
    claims: z.record(z.string(), z.unknown(), { error: "Expected a JSON object of claims." }),
    expiresInSeconds: z.int({ error: "Expected a whole number of seconds." }).optional(),
  },
  { error: "Expected a JSON object." },
);

export function signRoutes(manager: KeyManager, check: ApiTokenCheck, onEvent: OnEvent): Hono {
  const routes = new Hono();
  routes.post(TOKENS_PATH, withinLimit, async (c) => {
    await authenticate(c, check);
    const { claims, expiresInSeconds } = await bodyOf(c);
    const signed = await manager.sign(claims, expiresInSeconds === undefined ? {} : { expiresInSeconds });
    onEvent({ type: "token_signed", kid: signed.kid });
    return c.json(signed, 200, { "Cache-Control": "no-store" });
  });
  return routes;
}

/** Reads the body as a stream, which costs memory, so it is asked only where no length is declared. */
const counting = bodyLimit({ maxSize: BODY_BYTES_MAX, onError: tooLarge });

/** Where a length is declared, the server holds the client to it (RFC 9112 section 6.3). */
const withinLimit: MiddlewareHandler = async (c, next) => {
  const declared = c.req.header("Content-Length");
  if (declared === undefined || c.req.header("Transfer-Encoding") !== undefined) return counting(c, next);
  if (Number(declared) > BODY_BYTES_MAX) tooLarge();
  await next();
};

async function authenticate(c: Context, check: ApiTokenCheck): Promise<void> {
  const [, presented] = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(c.req.header("Authorization") ?? "") ?? [];
  if (presented !== undefined && (await check(presented))) return;
  throw new KeyturnError("unauthenticated", "The request carries no valid API token.", {
    fix: "Send it as `Authorization: Bearer <token>`.",
  });
}

async function bodyOf(c: Context): Promise<z.infer<typeof bodySchema>> {
  if (!/^application\/json *(;|$)/i.test(c.req.header("Content-Type") ?? "")) {
    throw new KeyturnError("media_type_unsupported", "The body is not declared as JSON.", {
      fix: "Send `Content-Type: application/json`.",
    });
  }
  const json: unknown = await c.req.json().catch(() => {
    throw invalid("It is not JSON.");
  });
  const parsed = bodySchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const problems = problemsOf(parsed.error, Object.keys(bodySchema.shape));
  throw invalid(listed(problems), problems);
}

function invalid(why: string, problems: ReturnType<typeof problemsOf> = []): KeyturnError {
  return new KeyturnError("body_invalid", `The body cannot be used. ${why}`, {
    fix: 'Send {"claims": {"sub": "…", "aud": "…"}, "expiresInSeconds": 300}; the second may be left out.',
    problems,
  });
}

function tooLarge(): never {
  throw new KeyturnError("body_too_large", `The body is over ${BODY_BYTES_MAX} bytes.`, {
    fix: "Put large data behind a reference; a token travels in a header.",
  });
}
