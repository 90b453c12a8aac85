/**
 * Signatures by `node:crypto`, synchronous. The key goes in bare and ECDSA signatures come out as
 * DER, converted here: on Node 24 any options object on this call costs more than the signature.
 */

import type { JsonWebKey } from "node:crypto";
import { constants, createPrivateKey, type KeyObject, sign } from "node:crypto";
import type { JWK } from "jose";
import type { Algorithm } from "../ring/algorithm.ts";
import { ALGORITHM_FACTS } from "./algorithms.ts";
import { rawFromDer } from "./ecdsa-signature.ts";

export type Sign = (input: string) => string | Promise<string>;

/**
 * Room for one text, used by every call anew: beside an elliptic signature, a fresh buffer per
 * token would show. Nobody shares it, because each call is done with it before it returns.
 */
const scratch = Buffer.allocUnsafeSlow(16_384);

/** Imports the private key as a KeyObject. */
export async function importSign(alg: Algorithm, privateJwk: JWK): Promise<Sign> {
  const key = createPrivateKey({ key: privateJwk as JsonWebKey, format: "jwk" });
  const { hash, coordinateBytes } = ALGORITHM_FACTS[alg];
  const digest = hash?.replace("-", "").toLowerCase() ?? null;
  if (alg.startsWith("PS")) return pss(key, digest as string);
  if (coordinateBytes === undefined)
    return (input) => sign(digest, bytesOf(input), key).toString("base64url");
  return (input) => rawFromDer(sign(digest, bytesOf(input), key), coordinateBytes).toString("base64url");
}

export function encodeText(text: string): string {
  // UTF-8 takes three bytes at most for a UTF-16 unit.
  if (text.length * 3 > scratch.length) return Buffer.from(text, "utf8").toString("base64url");
  return scratch.toString("base64url", 0, scratch.write(text, "utf8"));
}

/** RSASSA-PSS can only be asked for with an options object; beside an RSA signature its cost does not show. */
function pss(key: KeyObject, digest: string): Sign {
  const options = {
    key,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    // As long as the digest (RFC 7518 section 3.5).
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  };
  return (input) => sign(digest, bytesOf(input), options).toString("base64url");
}

/** A signing input is base64url and dots: one byte per character. The bytes are good until the next call. */
function bytesOf(input: string): Buffer {
  if (input.length > scratch.length) return Buffer.from(input, "latin1");
  return scratch.subarray(0, scratch.write(input, "latin1"));
}
