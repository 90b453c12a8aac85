/** The protected route of examples/protected-worker, by jose. */
import { createRemoteJWKSet, jwtVerify } from "jose";

interface Bindings {
  readonly ISSUER: string;
  readonly AUDIENCE: string;
  readonly JWKS_URL: string;
}

let jwks: ReturnType<typeof createRemoteJWKSet> | null = null;

export default {
  async fetch(request: Request, { ISSUER, AUDIENCE, JWKS_URL }: Bindings): Promise<Response> {
    const token = request.headers.get("Authorization")?.slice("Bearer ".length) ?? "";
    jwks ??= createRemoteJWKSet(new URL(JWKS_URL));
    try {
      const { payload } = await jwtVerify(token, jwks, { issuer: ISSUER, audience: AUDIENCE });
      return Response.json({ hello: payload.sub });
    } catch {
      return new Response(null, { status: 401 });
    }
  },
};
