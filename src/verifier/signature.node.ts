/**
 * Signatures checked by `node:crypto`. The key goes in bare and ECDSA signatures as DER, converted
 * here: on Node 24 any options object on this call costs up to as much as the check itself.
 */
import { constants, createPublicKey, type JsonWebKey, type KeyObject, verify } from "node:crypto";
import { ALGORITHM_FACTS, type VerifyAlgorithm } from "./algorithms.ts";
import { DER_BYTES_MAX, derFromRaw } from "./ecdsa-signature.ts";
import type { PublicKeyMaterial } from "./jwk.ts";
import type { ParsedToken } from "./parse.ts";

type Signed = Pick<ParsedToken, "token" | "signedLength" | "signature">;

/** Checks tokens' signatures by one key. */
export interface SignatureCheck {
  /** Off the event loop where the runtime can: many at once use all cores. */
  check(token: Signed): Promise<boolean>;
  /** At once, which is faster for one at a time. Null where the runtime cannot. */
  readonly checkSync: ((token: Signed) => boolean) | null;
}

/** @throws whatever the runtime says of a key that it does not take */
export async function importSignatureCheck(
  alg: VerifyAlgorithm,
  jwk: PublicKeyMaterial,
): Promise<SignatureCheck> {
  const key = createPublicKey({ key: jwk as JsonWebKey, format: "jwk" });
  const { hash, coordinateBytes } = ALGORITHM_FACTS[alg];
  const digest = hash?.replace("-", "").toLowerCase() ?? null;
  const verifier = alg.startsWith("PS") ? pssOptions(key) : key;
  // r and s have a fixed length each (RFC 7518 section 3.4): no other signature is looked at.
  const rawLength = coordinateBytes === undefined ? null : 2 * coordinateBytes;

  return {
    check: (token) =>
      new Promise((resolve, reject) => {
        const signature = toOpenSsl(token.signature, rawLength);
        if (signature === null) return resolve(false);
        // Node copies both before it returns.
        verify(digest, signedBytes(token), verifier, signature, (error, valid) =>
          error === null ? resolve(valid) : reject(error),
        );
      }),
    checkSync(token) {
      const signature = toOpenSsl(token.signature, rawLength);
      return signature !== null && verify(digest, signedBytes(token), verifier, signature);
    },
  };
}

/** RSASSA-PSS can only be asked for with an options object. */
function pssOptions(key: KeyObject): { key: KeyObject; padding: number; saltLength: number } {
  return {
    key,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    // As long as the digest (RFC 7518 section 3.5).
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  };
}

/**
 * Room for one token and one signature, written anew by every check. Sharing is safe because
 * whoever takes bytes from it is done with them, or has copied them, before the call returns.
 */
let scratch: Buffer = Buffer.allocUnsafeSlow(16_384);
const der = Buffer.allocUnsafeSlow(DER_BYTES_MAX);

/** The signing input, good until the next call. The parser has made sure that it is ASCII. */
function signedBytes({ token, signedLength }: Signed): Buffer {
  if (signedLength > scratch.length) scratch = Buffer.allocUnsafeSlow(2 * signedLength);
  scratch.write(token, 0, signedLength, "latin1");
  return scratch.subarray(0, signedLength);
}

/** The signature as OpenSSL has it, good until the next call; null where it cannot be one. */
function toOpenSsl(signature: Uint8Array, rawLength: number | null): Uint8Array | null {
  if (rawLength === null) return signature;
  return signature.length === rawLength ? der.subarray(0, derFromRaw(signature, der)) : null;
}
