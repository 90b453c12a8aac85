/** Protects routes of Fastify: `app.addHook("onRequest", jwtAuth(verifier))`, then `jwtOf(request)`. */
import type { IncomingMessage } from "node:http";
import { admit, assertOptions, type BearerOptions } from "./bearer.ts";
import { authorizationOf, jwtOf as jwtOfNode, keepToken } from "./node-request.ts";
import type { VerifiedToken, Verifier } from "./verifier.ts";

/** What of Fastify's request and reply is used. */
interface FastifyRequest {
  readonly raw: IncomingMessage;
}
interface FastifyReply {
  code(status: number): FastifyReply;
  headers(values: Record<string, string>): FastifyReply;
  /** Of whatever type the route has declared. */
  send(body: never): unknown;
}

/** A hook as Fastify awaits it. */
export type FastifyHook = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

/**
 * Lets requests through that bear a valid token; answers the others as RFC 6750 says, or 503 without keys.
 * @throws KeyturnError `config_invalid`: a realm that no header can hold
 */
export function jwtAuth(verifier: Verifier, options: BearerOptions = {}): FastifyHook {
  assertOptions(options);
  return async function jwtAuth({ raw }, reply) {
    const admission = await admit(verifier, authorizationOf(raw), options);
    if ("token" in admission) {
      keepToken(raw, admission.token);
      return undefined;
    }
    const { status, headers, body } = admission.refusal;
    return reply
      .code(status)
      .headers({ ...headers })
      .send(body as never);
  };
}

/** The verified token of a request that `jwtAuth` let through. @throws TypeError for any other request */
export function jwtOf({ raw }: FastifyRequest): VerifiedToken {
  return jwtOfNode(raw);
}
