/** Protects routes of a Hono app: `app.use("/api/*", jwtAuth(verifier))`, then `c.var.jwt`. */
import type { Context, MiddlewareHandler } from "hono";
import { assertOptions, type BearerOptions } from "./bearer.ts";
import { type AuthenticateOptions, authenticate } from "./fetch.ts";
import type { VerifiedToken, Verifier } from "./verifier.ts";

/** What the middleware adds to the context. */
export interface JwtVariables {
  /** The verified token of this request. */
  readonly jwt: VerifiedToken;
}

/**
 * Lets requests through that bear a valid token; answers the others as RFC 6750 says, or 503 without keys.
 * @throws KeyturnError `config_invalid`: a realm that no header can hold
 */
export function jwtAuth(
  verifier: Verifier,
  options: BearerOptions = {},
): MiddlewareHandler<{ Variables: JwtVariables }> {
  assertOptions(options);
  return async function jwtAuth(c, next) {
    const how = { ...options, context: contextOf(c) };
    const { jwt, response } = await authenticate(verifier, c.req.raw, how);
    if (response !== null) return response;
    c.set("jwt", jwt);
    return next();
  };
}

/** Only Workers have one; elsewhere Hono throws on access. */
function contextOf(c: Context): AuthenticateOptions["context"] {
  try {
    return c.executionCtx;
  } catch {
    return undefined;
  }
}
