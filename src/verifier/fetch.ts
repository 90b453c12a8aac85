/** Bearer tokens of Fetch API requests: in Workers, service workers, and frameworks that speak them. */
import { admit, assertOptions, type BearerOptions } from "./bearer.ts";
import type { VerifiedToken, Verifier } from "./verifier.ts";

export interface AuthenticateOptions extends BearerOptions {
  /** The execution context of a Worker: lets a refresh of keys end after the answer is given. */
  readonly context?: { waitUntil(work: Promise<unknown>): void } | undefined;
}

/** One of the two is there: the verified token, or the response that the request gets. */
export type Authenticated =
  | { readonly jwt: VerifiedToken; readonly response: null }
  | { readonly jwt: null; readonly response: Response };

/**
 * Verifies the token that a request bears. A refusal is as RFC 6750 says, or 503 without keys.
 * @throws KeyturnError `config_invalid`: a realm that no header can hold
 */
export async function authenticate(
  verifier: Verifier,
  request: Request,
  options: AuthenticateOptions = {},
): Promise<Authenticated> {
  assertOptions(options);
  const { context } = options;
  // Called on its object: a bare function of it refuses to work on Workers.
  const waitUntil = context && ((work: Promise<unknown>) => context.waitUntil(work));
  const authorization = request.headers.get("Authorization") ?? undefined;
  const admission = await admit(verifier, authorization, options, { waitUntil });
  if ("token" in admission) return { jwt: admission.token, response: null };
  const { status, headers, body } = admission.refusal;
  return { jwt: null, response: new Response(body, { status, headers }) };
}
