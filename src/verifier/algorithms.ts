/**
 * What can be verified: asymmetric algorithms only (RFC 7518 section 3.1, RFC 8037, RFC 9864; ML-DSA
 * as jose names it). With no symmetric one in the type, no public key can ever be taken for a secret.
 */
interface AlgorithmFacts {
  readonly kty: "EC" | "RSA" | "OKP" | "AKP";
  readonly crv?: string;
  /** Digest in WebCrypto's spelling; absent where the algorithm brings its own. */
  readonly hash?: "SHA-256" | "SHA-384" | "SHA-512";
  /** ECDSA: length of r and of s in the signature (RFC 7518 section 3.4). */
  readonly coordinateBytes?: number;
}

/** A JWS algorithm that this verifier can be told to accept. */
export type VerifyAlgorithm =
  | "ES256"
  | "ES384"
  | "ES512"
  | "RS256"
  | "RS384"
  | "RS512"
  | "PS256"
  | "PS384"
  | "PS512"
  | "EdDSA"
  | "Ed25519"
  | "ML-DSA-44"
  | "ML-DSA-65"
  | "ML-DSA-87";

export const ALGORITHM_FACTS: Readonly<Record<VerifyAlgorithm, AlgorithmFacts>> = {
  ES256: { kty: "EC", crv: "P-256", hash: "SHA-256", coordinateBytes: 32 },
  ES384: { kty: "EC", crv: "P-384", hash: "SHA-384", coordinateBytes: 48 },
  ES512: { kty: "EC", crv: "P-521", hash: "SHA-512", coordinateBytes: 66 },
  RS256: { kty: "RSA", hash: "SHA-256" },
  RS384: { kty: "RSA", hash: "SHA-384" },
  RS512: { kty: "RSA", hash: "SHA-512" },
  PS256: { kty: "RSA", hash: "SHA-256" },
  PS384: { kty: "RSA", hash: "SHA-384" },
  PS512: { kty: "RSA", hash: "SHA-512" },
  EdDSA: { kty: "OKP", crv: "Ed25519" },
  Ed25519: { kty: "OKP", crv: "Ed25519" },
  "ML-DSA-44": { kty: "AKP" },
  "ML-DSA-65": { kty: "AKP" },
  "ML-DSA-87": { kty: "AKP" },
};

export const VERIFY_ALGORITHMS: readonly VerifyAlgorithm[] = Object.keys(
  ALGORITHM_FACTS,
) as VerifyAlgorithm[];

export function isVerifyAlgorithm(name: unknown): name is VerifyAlgorithm {
  // Exact, also in case: an own member of the table, not something inherited like "constructor".
  return typeof name === "string" && Object.hasOwn(ALGORITHM_FACTS, name);
}
