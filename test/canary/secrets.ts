/** The secrets of a ring, as whoever holds its KEK and its stored documents can have them all. */
import { hkdfSync } from "node:crypto";
import type { JWK } from "jose";
import { parseKek } from "../../src/keys/kek.ts";
import { openJwk } from "../../src/keys/seal.ts";
import { openRing } from "../../src/keys/sealed-ring.ts";
import type { Secret } from "./writings.ts";

/** The KEK itself, and what is derived from it to seal and to authenticate. */
export function secretsOfKek(kek: string, name = "KEK"): Secret[] {
  const bytes = Buffer.from(kek, "base64url");
  const derived = ["seal", "mac"].map((purpose) => ({
    name: `${name}, derived to ${purpose}`,
    bytes: new Uint8Array(hkdfSync("sha256", bytes, new Uint8Array(), `keyturn 1 ${purpose}`, 32)),
  }));
  return [{ name, bytes }, ...derived];
}

/** A secret that is a text, such as an API token; and, where it is an encoding, the bytes behind it. */
export function secretsOfText(text: string, name: string): Secret[] {
  const encoded = text.replace(/^keyturn_/, "");
  return [
    { name, bytes: Buffer.from(text) },
    ...(encoded === text ? [] : [{ name: `${name}, decoded`, bytes: Buffer.from(encoded, "base64url") }]),
  ];
}

/** What is kept of the API tokens of a stored book: its home, and the only place where it may be. */
export function hashesInBooks(documents: Iterable<string>): Secret[] {
  const byId = new Map<string, Secret>();
  for (const document of documents) {
    const { book } = JSON.parse(document) as { book: { tokens: { id: string; hash: string }[] } };
    for (const { id, hash } of book.tokens)
      byId.set(id, { name: `hash of API token ${id}`, bytes: Buffer.from(hash, "base64url") });
  }
  return [...byId.values()];
}

/** What makes a token usable is its signature. */
export function secretOfToken(token: string, name: string): Secret {
  return { name, bytes: Buffer.from(token.slice(token.lastIndexOf(".") + 1), "base64url") };
}

/** All private keys of a stored document. */
export async function privateJwksIn(document: string, keks: readonly string[]): Promise<JWK[]> {
  const { ring, kek } = await openRing(document, await Promise.all(keks.map((text) => parseKek(text))));
  return Promise.all(
    ring.keys.map(async ({ kid, alg, sealedJwk }) => ({
      ...(await openJwk(sealedJwk, { ring: ring.id, kid }, kek)),
      kid,
      alg,
    })),
  );
}

const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi"] as const;

export function secretsOfJwk(jwk: JWK): Secret[] {
  return PRIVATE_MEMBERS.flatMap((member) => {
    const value = jwk[member];
    if (value === undefined) return [];
    return [{ name: `${member} of ${jwk.alg} ${jwk.kid}`, bytes: Buffer.from(value, "base64url") }];
  });
}

/** Each secret once, however many documents it was in. */
export async function secretsOfDocuments(
  documents: Iterable<string>,
  keks: readonly string[],
): Promise<Secret[]> {
  const byName = new Map<string, Secret>();
  for (const document of documents)
    for (const jwk of await privateJwksIn(document, keks))
      for (const secret of secretsOfJwk(jwk)) byName.set(secret.name, secret);
  return [...byName.values()];
}
