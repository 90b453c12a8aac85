/**
 * A private key from elsewhere, made a key of a ring: checked, put to the same test as a new one, and
 * sealed. It keeps the kid that its verifiers know.
 */
import { base64url, type JWK } from "jose";
import { KeyturnError } from "../errors.ts";
import { ALGORITHMS, type Algorithm, RSA_BITS } from "../ring/algorithm.ts";
import { publicMembers } from "../ring/jwks.ts";
import { isKid, type NewKey, type PublicJwk } from "../ring/ring.ts";
import { ALGORITHM_FACTS } from "./algorithms.ts";
import { selfTest, thumbprint } from "./generate.ts";
import type { Kek } from "./kek.ts";
import { sealJwk } from "./seal.ts";

export interface KeyToAdopt {
  /** A private JWK (RFC 7517): EC, RSA, OKP (Ed25519) or AKP (ML-DSA). */
  readonly privateJwk: Readonly<Record<string, unknown>>;
  /** The algorithm that its tokens name. Default: the JWK's own `alg`, else the only one that fits. */
  readonly alg?: Algorithm;
  /** The kid that its tokens name. Default: the JWK's own, else the RFC 7638 thumbprint. */
  readonly kid?: string;
}

/**
 * @param preferred the policy's algorithm, which decides where several fit and nothing says which.
 * @throws KeyturnError `import_invalid`; no member of the key is in the message.
 */
export async function adoptKey(
  { privateJwk, alg: given, kid: named }: KeyToAdopt,
  preferred: Algorithm,
  ring: string,
  kek: Kek,
): Promise<NewKey> {
  const bare = privateMembers(privateJwk);
  const alg = algorithmOf(privateJwk, given, preferred);
  const publicJwk = publicMembers(bare as unknown as PublicJwk);
  const kid = named ?? kidIn(privateJwk) ?? (await thumbprint(publicJwk));
  if (!isKid(kid)) throw invalid("its kid is not 1 to 256 visible ASCII characters, or it is . or ..");
  await selfTest({ kid, alg, publicJwk }, bare).catch((cause: unknown) => {
    throw invalid("its public and private members do not belong together", cause);
  });
  return { kid, alg, publicJwk, sealedJwk: await sealJwk(bare, { ring, kid }, kek) };
}

/** Whether the tokens signed with this JWK carry a kid that it names itself. */
export function kidIn({ kid }: Readonly<Record<string, unknown>>): string | null {
  if (kid === undefined) return null;
  return typeof kid === "string" ? kid : "";
}

/** By key type, the members that are the key (RFC 7518 section 6, RFC 8037 section 2; AKP for ML-DSA). */
const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  EC: ["crv", "x", "y", "d"],
  RSA: ["n", "e", "d", "p", "q", "dp", "dq", "qi"],
  OKP: ["crv", "x", "d"],
  AKP: ["alg", "pub", "priv"],
};

/** The members that name something; all others are bytes in base64url (RFC 7518 section 2). */
const NAMES_NOT_BYTES = ["crv", "alg"];

function isBase64url(member: unknown): boolean {
  return typeof member === "string" && /^[A-Za-z0-9_-]+$/.test(member);
}

/** The key without what its file says of it: only these members are sealed. */
function privateMembers(jwk: Readonly<Record<string, unknown>>): JWK {
  const { kty, use, key_ops: operations } = jwk;
  if (kty === "oct") throw invalid("it is symmetric, and whoever can verify with it can sign");
  const names = typeof kty === "string" && Object.hasOwn(MEMBERS, kty) ? MEMBERS[kty] : undefined;
  if (names === undefined) throw invalid("its kty is none of EC, RSA, OKP, AKP");
  if (use !== undefined && use !== "sig") throw invalid('its use is not "sig"');
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("sign")))
    throw invalid('its key_ops do not hold "sign"');
  const missing = names.filter((name) => typeof jwk[name] !== "string");
  if (missing.length > 0) throw invalid(`it lacks ${missing.join(", ")}`);
  const malformed = names.filter((name) => !NAMES_NOT_BYTES.includes(name) && !isBase64url(jwk[name]));
  if (malformed.length > 0) throw invalid(`not base64url without padding: ${malformed.join(", ")}`);
  if (jwk["oth"] !== undefined) throw invalid("it has more than two primes");
  if (kty === "RSA") assertModulus(jwk);
  return Object.fromEntries(["kty", ...names].map((name) => [name, jwk[name]])) as JWK;
}

/** An import takes larger moduli than keyturn makes, for they are in use; this one still fits every store. */
const MODULUS_BITS_MAX = 8192;

function assertModulus({ n, e }: Readonly<Record<string, unknown>>): void {
  if (e !== "AQAB") throw invalid("its public exponent is not 65537");
  const [least] = RSA_BITS;
  const bits = bitLength(String(n));
  if (bits < least || bits > MODULUS_BITS_MAX)
    throw invalid(`its modulus has ${bits} bits; expected ${least} to ${MODULUS_BITS_MAX}`);
}

function bitLength(n: string): number {
  try {
    const bytes = base64url.decode(n);
    const first = bytes.findIndex((byte) => byte !== 0);
    return first < 0 ? 0 : (bytes.length - first) * 8 - Math.clz32(bytes[first] ?? 0) + 24;
  } catch {
    return 0;
  }
}

/** Never guessed: a token under another algorithm than before is refused by verifiers that expect the one. */
function algorithmOf(
  jwk: Readonly<Record<string, unknown>>,
  given: Algorithm | undefined,
  preferred: Algorithm,
): Algorithm {
  const fitting = ALGORITHMS.filter((alg) => fits(alg, jwk));
  const own = jwk["alg"];
  if (given === undefined && own !== undefined) {
    const named = fitting.find((alg) => alg === own);
    if (named === undefined)
      throw invalid(`its alg is none that keyturn signs with such a key${choice(fitting)}`);
    return named;
  }
  const wanted = given ?? (fitting.includes(preferred) ? preferred : fitting[0]);
  if (wanted === undefined) throw invalid("its curve or parameter set is none that keyturn signs with");
  if (!fitting.includes(wanted)) throw invalid(`it cannot sign ${wanted}${choice(fitting)}`);
  if (given === undefined && fitting.length > 1 && wanted !== preferred)
    throw invalid(`nothing says with which algorithm its tokens are signed${choice(fitting)}`);
  return wanted;
}

function choice(fitting: readonly Algorithm[]): string {
  return fitting.length === 0 ? "" : `; say which it is to be: ${fitting.join(", ")}`;
}

function fits(alg: Algorithm, { kty, crv, alg: own }: Readonly<Record<string, unknown>>): boolean {
  const facts = ALGORITHM_FACTS[alg];
  if (facts.kty !== kty) return false;
  return kty === "AKP" ? own === alg : facts.crv === undefined || facts.crv === crv;
}

function invalid(why: string, cause?: unknown): KeyturnError {
  return new KeyturnError("import_invalid", `The private key cannot be adopted: ${why}.`, {
    fix: "Give the key that signs your tokens now, whole, as PEM, JWK or JWKS. Nothing was stored.",
    cause,
  });
}
