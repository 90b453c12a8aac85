/** Protects routes of Fastify: `app.addHook("onRequest", jwtAuth(verifier))`, then `jwtOf(request)`. */
import type { IncomingMessage } from "node:http";
import { admit, type BearerOptions } from "./bearer.ts";
import type { VerifiedToken, Verifier } from "./verifier.ts";

/** What of Fastify's request and reply is used. */
interface FastifyRequest {
  readonly raw: IncomingMessage;
}
interface FastifyReply {
  code(status: number): FastifyReply;
  headers(values: Record<string, string>): FastifyReply;
  send(body: string): FastifyReply;
}

/** A hook as Fastify awaits it. */
export type FastifyHook = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

/** Beside the requests instead of on them: no declaration of theirs has to be changed. */
const tokens = new WeakMap<IncomingMessage, VerifiedToken>();

/** Lets requests through that bear a valid token; answers the others as RFC 6750 says, or 503 without keys. */
export function jwtAuth(verifier: Verifier, options: BearerOptions = {}): FastifyHook {
  return async function jwtAuth({ raw }, reply) {
    const admission = await admit(verifier, raw.headers.authorization, options);
    if ("token" in admission) {
      tokens.set(raw, admission.token);
      return undefined;
    }
    const { status, headers, body } = admission.refusal;
    return reply
      .code(status)
      .headers({ ...headers })
      .send(body);
  };
}

/** The verified token of a request that `jwtAuth` let through. @throws TypeError for any other request */
export function jwtOf({ raw }: FastifyRequest): VerifiedToken {
  const token = tokens.get(raw);
  if (token === undefined)
    throw new TypeError("jwtOf: this request did not pass jwtAuth. Add jwtAuth as an onRequest hook.");
  return token;
}
