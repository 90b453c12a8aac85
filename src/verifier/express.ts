/** Protects routes of Express, of Connect, and of plain `node:http`: then `jwtOf(request)`. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { admit, assertOptions, type BearerOptions } from "./bearer.ts";
import { authorizationOf, keepToken } from "./node-request.ts";
import type { Verifier } from "./verifier.ts";

export { jwtOf } from "./node-request.ts";

/** A middleware as Express and Connect call it. */
export type NodeMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * Lets requests through that bear a valid token; answers the others as RFC 6750 says, or 503 without keys.
 * @throws KeyturnError `config_invalid`: a realm that no header can hold
 */
export function jwtAuth(verifier: Verifier, options: BearerOptions = {}): NodeMiddleware {
  assertOptions(options);
  return function jwtAuth(request, response, next) {
    admit(verifier, authorizationOf(request), options).then((admission) => {
      if ("refusal" in admission) {
        const { status, headers, body } = admission.refusal;
        // Someone else may have answered while keys were waited for: a time-out, say.
        if (!response.headersSent) response.writeHead(status, headers).end(body);
      } else {
        keepToken(request, admission.token);
        next();
      }
    }, next);
  };
}
