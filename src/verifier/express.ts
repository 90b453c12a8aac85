/** Protects routes of Express, of Connect, and of plain `node:http`: then `jwtOf(request)`. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { admit, type BearerOptions } from "./bearer.ts";
import type { VerifiedToken, Verifier } from "./verifier.ts";

/** A middleware as Express and Connect call it. */
export type NodeMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** Beside the requests instead of on them: no declaration of theirs has to be changed. */
const tokens = new WeakMap<IncomingMessage, VerifiedToken>();

/** Lets requests through that bear a valid token; answers the others as RFC 6750 says, or 503 without keys. */
export function jwtAuth(verifier: Verifier, options: BearerOptions = {}): NodeMiddleware {
  return function jwtAuth(request, response, next) {
    admit(verifier, request.headers.authorization, options).then((admission) => {
      if ("refusal" in admission) {
        const { status, headers, body } = admission.refusal;
        response.writeHead(status, headers).end(body);
      } else {
        tokens.set(request, admission.token);
        next();
      }
    }, next);
  };
}

/** The verified token of a request that `jwtAuth` let through. @throws TypeError for any other request */
export function jwtOf(request: IncomingMessage): VerifiedToken {
  const token = tokens.get(request);
  if (token === undefined)
    throw new TypeError("jwtOf: this request did not pass jwtAuth. Mount jwtAuth before the route.");
  return token;
}
