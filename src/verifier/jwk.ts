/**
 * One member of a published JWKS (RFC 7517), judged: a key to verify with, or why it is not one. A
 * key that is bad, or of a kind unknown here, is passed over, and the others still count.
 */
import { ALGORITHM_FACTS, isVerifyAlgorithm, type VerifyAlgorithm } from "./algorithms.ts";
import { decodeBase64url } from "./base64url.ts";
import { isKid, isObject } from "./parse.ts";
import { isWeakModulus } from "./weak-modulus.ts";

/** A public key with nothing but what an import needs. */
export interface PublicKeyMaterial {
  readonly kty: string;
  readonly [member: string]: string;
}

/** Bound to one algorithm (RFC 8725 section 3.1), whatever a token's header says. */
export interface CandidateKey {
  readonly kid: string | null;
  /** The names of that one algorithm: Ed25519 has two (RFC 9864 section 2.2). */
  readonly algs: readonly [VerifyAlgorithm, ...VerifyAlgorithm[]];
  readonly jwk: PublicKeyMaterial;
}

/** Why a published key is not used. Stable. */
export type SkipReason =
  | "not_a_key" // no JSON object, or a kty that is not known here
  | "private" // it shows private or symmetric material: it must be taken for stolen
  | "not_for_signatures" // its use or key_ops say so
  | "alg_not_accepted" // its alg is unknown, or not among `algorithms`
  | "alg_mismatch" // its alg is not one for its kty and crv
  | "kid_malformed" // its kid is no string, too long, or has control characters
  | "kid_ambiguous" // another key of the set has the same kid and alg
  | "material_malformed" // a coordinate or modulus is missing, not base64url, or of the wrong size
  | "weak" // an RSA key that is too short, or made by a generator that can be broken
  | "not_importable"; // the runtime does not take it: off the curve, or an algorithm it lacks

/** RFC 7518 sections 6.2.2, 6.3.2 and 6.4; RFC 8037 section 2; `priv` of AKP. */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] as const;

/** RS and PS must not be used below (RFC 7518 section 3.3). */
const RSA_BITS_MIN = 2048;
/** What one verification may cost: 8192 bits take as long as 20 of 2048. */
const RSA_BYTES_MAX = 1024;
/** 65537 has three. Longer exponents only cost time. */
const RSA_EXPONENT_BYTES_MAX = 4;

const CURVE_BYTES: Readonly<Record<string, number>> = { "P-256": 32, "P-384": 48, "P-521": 66, Ed25519: 32 };

/** An RSA key that does not say its algorithm is one for RS256, which every OpenID provider must offer (OpenID Connect Core section 15.1). */
const RSA_ALG_DEFAULT = "RS256";

export function judgeJwk(
  published: unknown,
  accepted: readonly VerifyAlgorithm[],
): CandidateKey | SkipReason {
  if (!isObject(published)) return "not_a_key";
  // Some serialisers write what is absent as null.
  const jwk = Object.fromEntries(Object.entries(published).filter(([, value]) => value !== null));
  if (PRIVATE_MEMBERS.some((name) => Object.hasOwn(jwk, name))) return "private";
  const { kty, use, key_ops: operations, kid } = jwk;
  // RFC 7517 sections 4.2 and 4.3.
  if (use !== undefined && use !== "sig") return "not_for_signatures";
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("verify")))
    return "not_for_signatures";
  if (kid !== undefined && !isKid(kid)) return "kid_malformed";
  if (typeof kty !== "string" || !["EC", "RSA", "OKP", "AKP"].includes(kty)) return "not_a_key";

  const algs = algorithmsOf(jwk, accepted);
  const [alg] = algs;
  if (alg === undefined) return "alg_not_accepted";
  if (!isAlgorithmOf(jwk, alg)) return "alg_mismatch";
  const material = materialOf(jwk, alg);
  if (typeof material === "string") return material;
  return { kid: kid ?? null, algs: [alg, ...algs.slice(1)], jwk: material };
}

/** What the key says; else what goes with its curve; else, for RSA, the one that is accepted. */
function algorithmsOf(
  jwk: Readonly<Record<string, unknown>>,
  accepted: readonly VerifyAlgorithm[],
): VerifyAlgorithm[] {
  const { alg, kty } = jwk;
  if (alg !== undefined) return isVerifyAlgorithm(alg) && accepted.includes(alg) ? [alg] : [];
  // An AKP key must say it (draft-ietf-cose-dilithium section 3).
  const fitting = kty === "AKP" ? [] : accepted.filter((name) => isAlgorithmOf(jwk, name));
  return kty === "RSA" && fitting.length > 1 ? fitting.filter((name) => name === RSA_ALG_DEFAULT) : fitting;
}

function isAlgorithmOf({ kty, crv }: Readonly<Record<string, unknown>>, alg: VerifyAlgorithm): boolean {
  const facts = ALGORITHM_FACTS[alg];
  return facts.kty === kty && (facts.crv === undefined || facts.crv === crv);
}

function materialOf(
  jwk: Readonly<Record<string, unknown>>,
  alg: VerifyAlgorithm,
): PublicKeyMaterial | SkipReason {
  const { kty, crv } = ALGORITHM_FACTS[alg];
  const bytes = (name: string) => {
    const value = jwk[name];
    return typeof value === "string" ? decodeBase64url(value) : null;
  };
  const text = (name: string) => jwk[name] as string;
  if (kty === "EC" || kty === "OKP") {
    const coordinates = kty === "EC" ? ["x", "y"] : ["x"];
    if (coordinates.some((name) => bytes(name)?.length !== CURVE_BYTES[crv as string]))
      return "material_malformed";
    const point = { kty, crv: crv as string, x: text("x") };
    return kty === "EC" ? { ...point, y: text("y") } : point;
  }
  if (kty === "AKP") return bytes("pub") === null ? "material_malformed" : { kty, alg, pub: text("pub") };
  const n = withoutZeros(bytes("n"));
  const e = withoutZeros(bytes("e"));
  if (n === null || e === null || n.length > RSA_BYTES_MAX || e.length > RSA_EXPONENT_BYTES_MAX)
    return "material_malformed";
  if (bitsOf(n) < RSA_BITS_MIN || isWeakExponent(e) || isWeakModulus(n)) return "weak";
  return { kty, n: text("n"), e: text("e") };
}

/** Some issuers prefix a zero that should not be there (RFC 7518 section 6.3.1.1); the number is the same. */
function withoutZeros(bytes: Uint8Array | null): Uint8Array | null {
  const first = bytes?.findIndex((byte) => byte !== 0) ?? 0;
  return bytes === null || first < 0 ? null : bytes.subarray(first);
}

/** @param n big-endian, without leading zeros */
function bitsOf(n: Uint8Array): number {
  return 8 * n.length - (Math.clz32(n[0] as number) - 24);
}

/** 1 leaves the message as it is, and an even exponent has no inverse. */
function isWeakExponent(e: Uint8Array): boolean {
  const last = e.at(-1) ?? 0;
  return last % 2 === 0 || (e.length === 1 && last === 1);
}
