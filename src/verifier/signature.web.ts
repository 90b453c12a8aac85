/** Signatures checked by WebCrypto, for runtimes without `node:crypto`. The twin of signature.node.ts. */
import { ALGORITHM_FACTS, type VerifyAlgorithm } from "./algorithms.ts";
import type { PublicKeyMaterial } from "./jwk.ts";
import type { ParsedToken } from "./parse.ts";

type Signed = Pick<ParsedToken, "token" | "signedLength" | "signature">;

/** Checks tokens' signatures by one key. */
export interface SignatureCheck {
  check(token: Signed): Promise<boolean>;
  /** WebCrypto has no synchronous form. */
  readonly checkSync: ((token: Signed) => boolean) | null;
}

const encoder = new TextEncoder();

/** @throws whatever the runtime says of a key that it does not take */
export async function importSignatureCheck(
  alg: VerifyAlgorithm,
  jwk: PublicKeyMaterial,
): Promise<SignatureCheck> {
  const { kty, crv, hash } = ALGORITHM_FACTS[alg];
  const algorithm = {
    name: nameOf(alg),
    ...(kty === "EC" ? { namedCurve: crv } : {}),
    ...(hash ? { hash } : {}),
  };
  const key = await crypto.subtle.importKey("jwk", { ...jwk, ext: true }, algorithm, false, ["verify"]);
  // RSASSA-PSS: the salt is as long as the digest (RFC 7518 section 3.5).
  const saltLength = Number(hash?.slice(4)) / 8;
  const parameters = alg.startsWith("PS") ? { ...algorithm, saltLength } : algorithm;
  return {
    check({ token, signedLength, signature }) {
      const signed = encoder.encode(token.slice(0, signedLength));
      // workerd rejects where an Ed25519 signature is not 64 bytes long: one that cannot be checked is not valid.
      return crypto.subtle.verify(parameters, key, signature as BufferSource, signed).catch(() => false);
    },
    checkSync: null,
  };
}

function nameOf(alg: VerifyAlgorithm): string {
  const { kty } = ALGORITHM_FACTS[alg];
  if (kty === "EC") return "ECDSA";
  if (kty === "OKP") return "Ed25519";
  if (kty === "AKP") return alg;
  return alg.startsWith("PS") ? "RSA-PSS" : "RSASSA-PKCS1-v1_5";
}
