/** A verifier that trusts a test issuer and shares its clock, and all that it told of. */
import type { TestIssuer } from "../../src/testing/index.ts";
import {
  createVerifier,
  isVerifyError,
  type Verifier,
  type VerifierEvent,
} from "../../src/verifier/index.ts";
import type { CommonOptions } from "../../src/verifier/options.ts";

export const AUDIENCE = "orders";

export interface WatchingVerifier extends Verifier {
  readonly events: readonly VerifierEvent[];
  /** What a token meets: `accepted`, or the reason of its refusal. */
  verdict(token: string): Promise<string>;
}

export function watchingVerifier(issuer: TestIssuer, options: CommonOptions = {}): WatchingVerifier {
  const events: VerifierEvent[] = [];
  const verifier = createVerifier({
    issuer: issuer.issuer,
    audience: AUDIENCE,
    jwksUrl: issuer.jwksUrl,
    fetch: issuer.fetch,
    clock: issuer.clock,
    random: () => 0.5,
    onEvent: (event) => void events.push(event),
    ...options,
  });
  return { ...verifier, events, verdict: (token) => verdictOf(verifier, token) };
}

async function verdictOf(verifier: Verifier, token: string): Promise<string> {
  try {
    await verifier.verify(token);
    return "accepted";
  } catch (error) {
    if (isVerifyError(error)) return error.reason;
    throw error;
  }
}

/** The reasons why a JWKS did not come, in order. */
export function failuresOf({ events }: WatchingVerifier): string[] {
  return events.flatMap((event) => (event.type === "jwks_failed" ? [event.because] : []));
}
