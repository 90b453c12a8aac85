/**
 * The JWKS (RFC 7517 section 5) as everyone sees it: derived from (ring, now) at every read, so
 * that a key whose time is over cannot live on in a body that was made earlier.
 */
import { isPublished } from "./phase.ts";
import type { KeyRing, PublicJwk, RingKey } from "./ring.ts";

/** One published key. */
export type PublishedJwk = PublicJwk & { readonly kid: string; readonly alg: string; readonly use: "sig" };

export interface PublicJwks {
  readonly keys: readonly PublishedJwk[];
  /** Id of the ring. An additional member (RFC 7517 section 5), ignored by who does not know it. */
  readonly ring: string;
  /** Generation of the ring: within one ring id a verifier does not go back to a lower one. */
  readonly generation: number;
}

export function publicJwks(ring: KeyRing, now: number): PublicJwks {
  return {
    keys: publishedKeys(ring, now).map((key) => ({
      ...publicMembers(key.publicJwk),
      kid: key.kid,
      alg: key.alg,
      use: "sig",
    })),
    ring: ring.id,
    generation: ring.generation,
  };
}

export function publishedKeys(ring: KeyRing, now: number): RingKey[] {
  return ring.keys.filter((key) => isPublished(key, now));
}

/** The instant at which the JWKS changes without any commit: the next key's time is over. Null when none is. */
export function jwksChangesAt(ring: KeyRing, now: number): number | null {
  const instants = ring.keys.flatMap(({ acceptUntil }) =>
    acceptUntil !== null && acceptUntil > now ? [acceptUntil] : [],
  );
  return instants.length === 0 ? null : Math.min(...instants);
}

/**
 * A strong entity tag (RFC 9110 section 8.8.3) from what determines the body: the audit chain up to
 * this generation, and which of its keys the clock has left. The same on every node, no hashing.
 */
export function jwksEtag(ring: KeyRing, now: number): string {
  const shown = ring.keys.map((key) => (isPublished(key, now) ? "1" : "0")).join("");
  return `"${ring.auditTail.at(-1)?.hash ?? ring.id}.${shown}"`;
}

/** Only members named here are ever shown: an allow-list cannot forget a private one. */
export function publicMembers(jwk: PublicJwk): PublicJwk {
  switch (jwk.kty) {
    case "EC":
      return { kty: "EC", crv: jwk.crv, x: jwk.x, y: jwk.y };
    case "RSA":
      return { kty: "RSA", n: jwk.n, e: jwk.e };
    case "OKP":
      return { kty: "OKP", crv: jwk.crv, x: jwk.x };
    case "AKP":
      return { kty: "AKP", alg: jwk.alg, pub: jwk.pub };
  }
}
