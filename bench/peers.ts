/**
 * How each library signs the same claims: with its key imported in advance and its options made in
 * advance, in the fastest form that its documentation shows. Ready-made claims are what all of them
 * are fastest with, so that none is measured on its handling of, say, `"15m"`.
 */
import { type KeyObject, randomBytes, randomUUID } from "node:crypto";
import nodeRs from "@node-rs/jsonwebtoken";
import { createSigner } from "fast-jwt";
import { sign as honoSign } from "hono/jwt";
import { SignJWT } from "jose";
import jsonwebtoken from "jsonwebtoken";

export type Alg = "ES256" | "EdDSA" | "RS256";

/** What the caller of a signer brings: 128 bytes of JSON. */
export const CLAIMS = {
  sub: "user-7f3a9c",
  aud: "orders",
  sid: "b2b1f0a4-57f8-4c3e-9d0a-8f0f3f1c2d4e",
};
export const ISSUER = "https://auth.example.com";
export const LIFETIME_SECONDS = 900;
/** As long as the thumbprints that keyturn uses. */
export const KID = "qf3v0H1mM1yB9Q4mJH4wqXyZp6sQdX2yq5o6kQ0c3rE";

/** Of rings that are gone in a moment. */
export const KEK = randomBytes(32).toString("base64url");

export interface Peer {
  readonly name: string;
  readonly sign: () => string | Promise<string>;
}

export function peers(alg: Alg, key: KeyObject): Peer[] {
  const all = [jose(alg, key), fastJwt(alg, key), hono(alg, key), napi(alg, key)];
  // jsonwebtoken has no EdDSA.
  return alg === "EdDSA" ? all : [...all, jsonWebToken(alg, key)];
}

function claimsSet() {
  const iat = Math.floor(Date.now() / 1000);
  return { iss: ISSUER, iat, exp: iat + LIFETIME_SECONDS, jti: randomUUID(), ...CLAIMS };
}

function jose(alg: Alg, key: KeyObject): Peer {
  const cryptoKey = asCryptoKey(alg, key);
  const header = { alg, typ: "JWT", kid: KID };
  return {
    name: "jose",
    sign: () => new SignJWT(claimsSet()).setProtectedHeader(header).sign(cryptoKey),
  };
}

function fastJwt(alg: Alg, key: KeyObject): Peer {
  const sign = createSigner({ key: asPem(key), algorithm: alg, kid: KID });
  return { name: "fast-jwt", sign: () => sign(claimsSet()) };
}

function jsonWebToken(alg: Exclude<Alg, "EdDSA">, key: KeyObject): Peer {
  const options = { algorithm: alg, keyid: KID };
  return { name: "jsonwebtoken", sign: () => jsonwebtoken.sign(claimsSet(), key, options) };
}

function hono(alg: Alg, key: KeyObject): Peer {
  // A JWK is the documented way to a `kid`, but is imported anew by every call. It is read from any
  // key that has `alg` and `kid`, so this CryptoKey that bears both is the best that can be done.
  const cryptoKey = Object.assign(asCryptoKey(alg, key), { alg, kid: KID });
  return { name: "hono/jwt", sign: () => honoSign(claimsSet(), cryptoKey, alg) };
}

/** Takes PEM only, and parses it at every call. */
function napi(alg: Alg, key: KeyObject): Peer {
  const pem = asPem(key);
  const header = { algorithm: alg as nodeRs.Algorithm, keyId: KID };
  return { name: "@node-rs/jsonwebtoken", sign: () => nodeRs.signSync(claimsSet(), pem, header) };
}

function asPem(key: KeyObject): string {
  return key.export({ format: "pem", type: "pkcs8" }) as string;
}

function asCryptoKey(alg: Alg, key: KeyObject): CryptoKey {
  const algorithm = {
    ES256: { name: "ECDSA", namedCurve: "P-256" },
    EdDSA: { name: "Ed25519" },
    RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  }[alg];
  return key.toCryptoKey(algorithm, false, ["sign"]) as CryptoKey;
}
