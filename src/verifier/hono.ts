/** Protects routes of a Hono app: `app.use("/api/*", jwtAuth(verifier))`, then `c.var.jwt`. */
import type { Context, MiddlewareHandler } from "hono";
import { admit, type BearerOptions } from "./bearer.ts";
import type { WaitUntil } from "./jwks-source.ts";
import type { VerifiedToken, Verifier } from "./verifier.ts";

/** What the middleware adds to the context. */
export interface JwtVariables {
  /** The verified token of this request. */
  readonly jwt: VerifiedToken;
}

/** Lets requests through that bear a valid token; answers the others as RFC 6750 says, or 503 without keys. */
export function jwtAuth(
  verifier: Verifier,
  options: BearerOptions = {},
): MiddlewareHandler<{ Variables: JwtVariables }> {
  return async function jwtAuth(c, next) {
    const admission = await admit(verifier, c.req.header("Authorization"), options, {
      waitUntil: waitUntilOf(c),
    });
    if ("refusal" in admission) {
      const { status, headers, body } = admission.refusal;
      return new Response(body, { status, headers });
    }
    c.set("jwt", admission.token);
    return next();
  };
}

/** Only Workers have it; elsewhere Hono throws on access. */
function waitUntilOf(c: Context): WaitUntil | undefined {
  try {
    const context = c.executionCtx;
    return (work) => context.waitUntil(work);
  } catch {
    return undefined;
  }
}
