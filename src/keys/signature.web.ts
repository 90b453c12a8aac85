/** Signatures by WebCrypto, for runtimes without `node:crypto`. The twin of signature.node.ts. */
import { base64url, importJWK, type JWK } from "jose";
import type { Algorithm } from "../ring/algorithm.ts";
import { ALGORITHM_FACTS } from "./algorithms.ts";

/** Signs the signing input of a JWS (RFC 7515 section 5.1) and returns the encoded signature. */
export type Sign = (input: string) => string | Promise<string>;

/** Imports the private key, non-extractable, bound to its algorithm. */
export async function importSign(alg: Algorithm, privateJwk: JWK): Promise<Sign> {
  const key = (await importJWK(privateJwk, alg, { extractable: false })) as CryptoKey;
  const parameters = parametersOf(alg);
  const encoder = new TextEncoder();
  return async (input) =>
    base64url.encode(new Uint8Array(await crypto.subtle.sign(parameters, key, encoder.encode(input))));
}

export function encodeText(text: string): string {
  return base64url.encode(text);
}

function parametersOf(alg: Algorithm): AlgorithmIdentifier | EcdsaParams | RsaPssParams {
  const { kty, hash } = ALGORITHM_FACTS[alg];
  if (kty === "EC") return { name: "ECDSA", hash: hash as string };
  if (kty === "OKP") return { name: "Ed25519" };
  if (kty === "AKP") return { name: alg };
  // RSASSA-PSS: the salt is as long as the digest (RFC 7518 section 3.5).
  return alg.startsWith("PS")
    ? { name: "RSA-PSS", saltLength: Number(hash?.slice(4)) / 8 }
    : { name: "RSASSA-PKCS1-v1_5" };
}
