/**
 * A Worker with protected routes, `/<verifier>/careful` and `/<verifier>/careless`: a new name gets a
 * verifier that has no keys. Careless means that it is not told of the context, so that what a request
 * began ends with it. The clocks stand still, so that no flight ends because its time is over; a fetch has a second.
 */
import { env } from "cloudflare:workers";
import { type MovableClock, movableClock } from "../../src/testing/movable-clock.ts";
import { authenticate } from "../../src/verifier/fetch.ts";
import { createVerifier, type Verifier } from "../../src/verifier/index.ts";

interface Named {
  readonly verifier: Verifier;
  readonly clock: MovableClock;
}

const known = new Map<string, Named>();

function named(name: string): Named {
  const { ISSUER: issuer, AUDIENCE: audience, JWKS_URL: jwksUrl } = env;
  const clock = movableClock();
  const fetch: typeof env.AUTH.fetch = (url, init) => env.AUTH.fetch(url, init);
  const one = known.get(name) ?? {
    verifier: createVerifier({ issuer, audience, jwksUrl, clock, fetch, fetchSeconds: 1 }),
    clock,
  };
  known.set(name, one);
  return one;
}

export default {
  async fetch(request: Request, _: unknown, context: ExecutionContext): Promise<Response> {
    const [, name = "", route] = new URL(request.url).pathname.split("/");
    const { verifier, clock } = named(name);
    if (route === "advance") clock.advance(Number(await request.text()));
    if (route === "advance" || route === "health") return Response.json(verifier.health().issuers[0]);
    const { response } = await authenticate(verifier, request, route === "careful" ? { context } : {});
    return response ?? new Response("let in");
  },
};
