/** A Worker whose route only bearers of a valid token reach. `wrangler.toml` says whose. */
import { env } from "cloudflare:workers";
import { cacheApiSnapshots, createVerifier } from "keyturn/verifier";
import { authenticate } from "keyturn/verifier/fetch";

const verifier = createVerifier({
  issuer: env.ISSUER,
  audience: env.AUDIENCE,
  jwksUrl: env.JWKS_URL,
  fetch: (url, init) => env.AUTH.fetch(url, init),
  snapshots: cacheApiSnapshots(caches.default),
});

export default {
  async fetch(request: Request, _: unknown, context: ExecutionContext): Promise<Response> {
    const { jwt, response } = await authenticate(verifier, request, { context });
    return response ?? Response.json({ hello: jwt.claims.sub });
  },
};
