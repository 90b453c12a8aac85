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
  return bytesOf(text).toString("base64url");
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

/**
 * Room for one text, written anew by every call: beside an elliptic signature, fresh buffers would
 * show. It is safe to share because whoever takes bytes from it is done with them before it returns.
 */
const scratch = Buffer.allocUnsafeSlow(32_768);

/** In UTF-8, good until the next call. */
function bytesOf(text: string): Buffer {
  // A UTF-16 unit takes three bytes at most.
  if (text.length * 3 > scratch.length) return Buffer.from(text);
  return scratch.subarray(0, scratch.write(text));
}
