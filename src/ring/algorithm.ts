/** The signature algorithms a ring may use (RFC 7518 section 3.1, RFC 8037; ML-DSA as jose names it): asymmetric only. */
export const ALGORITHMS = [
  "ES256",
  "ES384",
  "ES512",
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "EdDSA",
  "ML-DSA-44",
  "ML-DSA-65",
  "ML-DSA-87",
] as const;

export type Algorithm = (typeof ALGORITHMS)[number];

/** Sizes of RSA keys. Below 2048 bits RS and PS algorithms must not be used (RFC 7518 section 3.3). */
export const RSA_BITS = [2048, 3072, 4096] as const;

export type RsaBits = (typeof RSA_BITS)[number];
