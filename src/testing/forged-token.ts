/** Tokens that must be refused, each for one reason: the negative tests of every service. */
import { encodeText, importSign } from "#signature";
import { ALGORITHM_FACTS } from "../keys/algorithms.ts";
import { generateKey } from "../keys/generate.ts";
import type { Kek } from "../keys/kek.ts";
import { openJwk } from "../keys/seal.ts";
import type { KeyManager } from "../manager/manager.ts";
import type { Claims } from "../manager/token.ts";
import { emitterOf } from "../ring/phase.ts";
import type { NewKey, PublicJwk } from "../ring/ring.ts";

export const FORGERIES = [
  /** By the right key, and over for an hour. */
  "expired",
  /** By the right key, with an `nbf` in an hour. */
  "notYetValid",
  /** By the right key, with an `iat` in an hour. */
  "issuedInFuture",
  /** By the right key, without `exp`. */
  "withoutExpiry",
  /** By the right key, with the `iss` of another issuer. */
  "wrongIssuer",
  /** By the right key, with an `aud` that nobody has. */
  "wrongAudience",
  /** By the right key, with the `typ` of a logout token: made for another purpose. */
  "wrongType",
  /** An honest token whose claims were changed afterwards. */
  "tampered",
  /** By a stranger's key, under the kid of the right one. */
  "otherKey",
  /** By a stranger's key, under its own kid, which no JWKS has. */
  "unknownKid",
  /** By a stranger's key, which the header brings along (CVE-2018-0114). */
  "embeddedKey",
  /** `alg` none, without a signature (RFC 8725 section 2.1). */
  "unsigned",
  /** HS256 with the public key for a secret (CVE-2015-9235). */
  "hmacWithPublicKey",
] as const;

export type Forgery = (typeof FORGERIES)[number];

/** Each makes one token with the given claims, less what it forges. Pass the `aud` that your service expects. */
export type Forge = Readonly<Record<Forgery, (claims?: Claims) => Promise<string>>>;

/** Signs with the emitting key whatever it is given. */
export type SignUnchecked = (
  claims: Readonly<Record<string, unknown>>,
  header?: Readonly<Record<string, unknown>>,
) => Promise<string>;

export interface Forgeries {
  readonly forge: Forge;
  readonly signUnchecked: SignUnchecked;
}

const HOUR_SECONDS = 3600;
const LIFETIME_SECONDS = 300;

export function forgeries(keys: KeyManager, kek: Kek): Forgeries {
  let stranger: Promise<NewKey> | null = null;

  /** One is enough: nobody ever trusts it. */
  function strangersKey(): Promise<NewKey> {
    const { id, policy } = keys.ring();
    stranger ??= generateKey(policy, id, kek);
    return stranger;
  }

  async function signedBy(key: NewKey, header: object, claims: object): Promise<string> {
    const { alg, kid, sealedJwk } = key;
    const sign = await importSign(alg, await openJwk(sealedJwk, { ring: keys.ring().id, kid }, kek));
    const input = signingInput({ alg, typ: "JWT", kid, ...header }, claims);
    return `${input}.${await sign(input)}`;
  }

  /** What an honest token says now. */
  function claimsOf(claims: Claims, forged: object = {}): object {
    const now = keys.clock.now();
    return { iss: keys.issuer, iat: now, exp: now + LIFETIME_SECONDS, ...claims, ...forged };
  }

  const emitter = () => emitterOf(keys.ring());
  const signUnchecked: SignUnchecked = (claims, header = {}) => signedBy(emitter(), header, claims);
  const inSeconds = (seconds: number) => keys.clock.now() + seconds;

  const forge: Forge = {
    expired: async (claims = {}) =>
      signUnchecked({
        ...claimsOf(claims, { iat: inSeconds(-2 * HOUR_SECONDS), exp: inSeconds(-HOUR_SECONDS) }),
      }),
    notYetValid: async (claims = {}) =>
      signUnchecked({
        ...claimsOf(claims, { nbf: inSeconds(HOUR_SECONDS), exp: inSeconds(2 * HOUR_SECONDS) }),
      }),
    issuedInFuture: async (claims = {}) =>
      signUnchecked({
        ...claimsOf(claims, { iat: inSeconds(HOUR_SECONDS), exp: inSeconds(2 * HOUR_SECONDS) }),
      }),
    withoutExpiry: async (claims = {}) => signUnchecked({ ...claimsOf(claims, { exp: undefined }) }),
    wrongIssuer: async (claims = {}) =>
      signUnchecked({ ...claimsOf(claims, { iss: "https://elsewhere.test" }) }),
    wrongAudience: async (claims = {}) => signUnchecked({ ...claimsOf(claims, { aud: "nobody" }) }),
    wrongType: async (claims = {}) => signUnchecked({ ...claimsOf(claims) }, { typ: "logout+jwt" }),
    async tampered(claims = {}) {
      const [header, , signature] = (await signUnchecked({ ...claimsOf(claims) })).split(".");
      return `${header}.${encodeText(JSON.stringify(claimsOf(claims, { sub: "somebody else" })))}.${signature}`;
    },
    otherKey: async (claims = {}) => signedBy(await strangersKey(), { kid: emitter().kid }, claimsOf(claims)),
    unknownKid: async (claims = {}) => signedBy(await strangersKey(), {}, claimsOf(claims)),
    async embeddedKey(claims = {}) {
      const key = await strangersKey();
      return signedBy(key, { jwk: key.publicJwk }, claimsOf(claims));
    },
    unsigned: async (claims = {}) => `${signingInput({ alg: "none", typ: "JWT" }, claimsOf(claims))}.`,
    async hmacWithPublicKey(claims = {}) {
      const { kid, alg, publicJwk } = emitter();
      const input = signingInput({ alg: "HS256", typ: "JWT", kid }, claimsOf(claims));
      return `${input}.${await hmac(await pemOf(publicJwk, alg), input)}`;
    },
  };
  return { forge, signUnchecked };
}

function signingInput(header: object, claims: object): string {
  return `${encodeText(JSON.stringify(header))}.${encodeText(JSON.stringify(claims))}`;
}

/** The form in which libraries that fell for it held their public keys. */
async function pemOf(publicJwk: PublicJwk, alg: NewKey["alg"]): Promise<string> {
  const { kty, crv, hash = "SHA-256" } = ALGORITHM_FACTS[alg];
  const parameters = {
    EC: { name: "ECDSA", namedCurve: crv as string },
    RSA: { name: "RSASSA-PKCS1-v1_5", hash },
    OKP: { name: "Ed25519" },
    AKP: { name: alg },
  }[kty];
  const key = await crypto.subtle.importKey("jwk", publicJwk as JsonWebKey, parameters, true, ["verify"]);
  const der = base64(new Uint8Array(await crypto.subtle.exportKey("spki", key)));
  return `-----BEGIN PUBLIC KEY-----\n${der.replace(/.{1,64}/g, "$&\n")}-----END PUBLIC KEY-----\n`;
}

async function hmac(secret: string, input: string): Promise<string> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const bytes = (text: string) => new TextEncoder().encode(text);
  const key = await crypto.subtle.importKey("raw", bytes(secret), algorithm, false, ["sign"]);
  const signature = base64(new Uint8Array(await crypto.subtle.sign(algorithm, key, bytes(input))));
  return signature.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
