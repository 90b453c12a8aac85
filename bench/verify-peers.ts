/**
 * How each library verifies the same tokens: with its keys at hand, as its documentation has it where
 * it should be fast, and so that it checks the signature, `iss`, `aud` and `exp`.
 */
import { JwtVerifier } from "aws-jwt-verify";
import { createVerifier } from "fast-jwt";
import { verifyWithJwks } from "hono/jwt";
import { createRemoteJWKSet, jwtVerify } from "jose";
import jsonwebtoken, { type GetPublicKeyOrSecret } from "jsonwebtoken";
import { JwksClient } from "jwks-rsa";
import type { Issuer } from "./issuer.ts";
import { type Alg, CLAIMS, ISSUER } from "./peers.ts";

export interface Verification {
  readonly name: string;
  /** Throws or rejects where the token is bad. */
  readonly verify: (token: string) => unknown;
}

/** Asks for the JWKS once, then holds it. */
export function jose({ alg, jwksUrl }: Issuer): Verification {
  const jwks = createRemoteJWKSet(new URL(jwksUrl));
  const options = { issuer: ISSUER, audience: CLAIMS.aud, algorithms: [alg] };
  return { name: "jose", verify: (token) => jwtVerify(token, jwks, options) };
}

export interface FastJwtCache {
  readonly cache?: number | boolean;
  readonly cacheKeyBuilder?: (token: string) => string;
}

/** With the one key, which is faster than to have it looked up. */
export function fastJwt(name: string, { alg, publicKey }: Issuer, cache: FastJwtCache = {}): Verification {
  const verify = createVerifier({
    key: publicKey.export({ format: "pem", type: "spki" }),
    algorithms: [alg],
    allowedIss: ISSUER,
    allowedAud: CLAIMS.aud,
    ...cache,
  });
  return { name, verify: (token) => verify(token) };
}

export function aws({ jwks, jwksUrl }: Issuer): Verification {
  const verifier = JwtVerifier.create({ issuer: ISSUER, audience: CLAIMS.aud, jwksUri: jwksUrl });
  verifier.cacheJwks(jwks as Parameters<typeof verifier.cacheJwks>[0]);
  return { name: "aws-jwt-verify", verify: (token) => verifier.verifySync(token) };
}

export function jsonWebToken({
  alg,
  jwksUrl,
}: Issuer & { readonly alg: Exclude<Alg, "EdDSA"> }): Verification {
  const client = new JwksClient({ jwksUri: jwksUrl, cache: true });
  const options = { issuer: ISSUER, audience: CLAIMS.aud, algorithms: [alg] };
  const getKey: GetPublicKeyOrSecret = ({ kid }, callback) => {
    client.getSigningKey(kid, (error, key) => callback(error, key?.getPublicKey()));
  };
  return {
    name: "jsonwebtoken + jwks-rsa",
    verify: (token) =>
      new Promise((resolve, reject) => {
        jsonwebtoken.verify(token, getKey, options, (error, claims) =>
          error === null ? resolve(claims) : reject(error),
        );
      }),
  };
}

/** What the middleware of `hono/jwk` calls. */
export function hono({ alg, jwks }: Issuer): Verification {
  const options = {
    keys: jwks.keys,
    verification: { iss: ISSUER, aud: CLAIMS.aud },
    allowedAlgorithms: [alg],
  };
  return { name: "hono/jwk", verify: (token) => verifyWithJwks(token, options) };
}
