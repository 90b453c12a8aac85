/** Requests as `node:http` has them: where their token comes from, and where it is kept. */
import type { IncomingMessage } from "node:http";
import type { VerifiedToken } from "./verifier.ts";

/** Beside the requests instead of on them: no declaration of theirs has to be changed. */
const tokens = new WeakMap<IncomingMessage, VerifiedToken>();

/** All that the request says. Of several headers `headers` shows the first alone, and a proxy may have looked at another. */
export function authorizationOf({ headers, headersDistinct }: IncomingMessage): string | undefined {
  return headersDistinct?.["authorization"]?.join(", ") ?? headers.authorization;
}

export function keepToken(request: IncomingMessage, token: VerifiedToken): void {
  tokens.set(request, token);
}

/** The verified token of a request that `jwtAuth` let through. @throws TypeError for any other request */
export function jwtOf(request: IncomingMessage): VerifiedToken {
  const token = tokens.get(request);
  if (token === undefined)
    throw new TypeError("jwtOf: this request did not pass jwtAuth. Put jwtAuth before the route.");
  return token;
}
