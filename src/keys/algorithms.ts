/** What each algorithm needs of its key and its digest (RFC 7518 section 3.1; ML-DSA and Ed25519 hash inside). */
import type { Algorithm } from "../ring/algorithm.ts";

interface AlgorithmFacts {
  readonly kty: "EC" | "RSA" | "OKP" | "AKP";
  readonly crv?: string;
  /** Digest in WebCrypto's spelling; absent where the algorithm brings its own. */
  readonly hash?: "SHA-256" | "SHA-384" | "SHA-512";
  /** ECDSA: length of r and of s in the signature (RFC 7518 section 3.4). */
  readonly coordinateBytes?: number;
}

export const ALGORITHM_FACTS: Readonly<Record<Algorithm, AlgorithmFacts>> = {
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
  "ML-DSA-44": { kty: "AKP" },
  "ML-DSA-65": { kty: "AKP" },
  "ML-DSA-87": { kty: "AKP" },
};
