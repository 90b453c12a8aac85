/** An issuer made of nothing but `node:crypto`: honest keys, a JWKS, and tokens of any shape, wrong ones too. */
import {
  constants,
  createPrivateKey,
  createSign,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign as signBytes,
} from "node:crypto";
import { importSignatureCheck } from "#signature-check";
import { VERIFY_ALGORITHMS, type VerifyAlgorithm } from "../../src/verifier/algorithms.ts";
import {
  createVerifier,
  isVerifyError,
  type RefusalReason,
  type Verifier,
} from "../../src/verifier/index.ts";
import type { CommonOptions, IssuerOptions } from "../../src/verifier/options.ts";
import { type ManualClock, manualClock, START } from "../manager/manual-clock.ts";

export const NOW = START;
export const ISSUER = "https://issuer.example";
export const AUDIENCE = "orders";
export const JWKS_URL = "https://issuer.example/jwks.json";

export interface SampleKey {
  readonly kid: string;
  readonly alg: VerifyAlgorithm;
  readonly privateKey: KeyObject;
  /** As published: with kid and alg, and nothing private. */
  readonly jwk: PublishedJwk;
}

export type PublishedJwk = Readonly<Record<string, unknown>>;

/** What this runtime's `node:crypto` can make keys for: workerd's has no ML-DSA. */
export const MADE_ALGORITHMS: readonly VerifyAlgorithm[] = VERIFY_ALGORITHMS.filter(
  (alg) => !(alg.startsWith("ML-DSA") && navigator.userAgent === "Cloudflare-Workers"),
);

const pairs = new Map<string, KeyObject>();

/** The same private key for the same kind and name: RSA takes long, and its algorithms share a kind. */
function privateKeyFor(alg: VerifyAlgorithm, name: string): KeyObject {
  const kind = /^[RP]S/.test(alg) ? "RSA" : alg;
  const known = pairs.get(`${kind} ${name}`);
  if (known !== undefined) return known;
  const key = newPrivateKey(kind as VerifyAlgorithm | "RSA");
  pairs.set(`${kind} ${name}`, key);
  return key;
}

function newPrivateKey(kind: VerifyAlgorithm | "RSA"): KeyObject {
  switch (kind) {
    case "RSA":
      return generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
    case "ES256":
      return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    case "ES384":
      return generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey;
    case "ES512":
      return generateKeyPairSync("ec", { namedCurve: "P-521" }).privateKey;
    case "ML-DSA-44":
    case "ML-DSA-65":
    case "ML-DSA-87":
      return generateKeyPairSync(kind.toLowerCase() as "ml-dsa-44").privateKey;
    default:
      return generateKeyPairSync("ed25519").privateKey;
  }
}

/** @param owner keys of different owners are different */
export function sampleKey(alg: VerifyAlgorithm, kid: string = alg, owner = "issuer"): SampleKey {
  return namedKey(alg, kid, privateKeyFor(alg, owner === "issuer" ? `issuer ${kid}` : owner));
}

/** One RSA key for all of RSA's algorithms, so that nothing but the binding tells them apart. */
export function sampleRsaKey(alg: VerifyAlgorithm, kid: string = alg, owner = "issuer"): SampleKey {
  return namedKey(alg, kid, privateKeyFor(alg, owner));
}

export function namedKey(alg: VerifyAlgorithm, kid: string, privateKey: KeyObject): SampleKey {
  return { kid, alg, privateKey, jwk: { ...publicJwkOf(privateKey), kid, alg } };
}

export function publicJwkOf(privateKey: KeyObject): PublishedJwk {
  const { kty, crv, x, y, n, e, pub } = privateKey.export({ format: "jwk" }) as Record<string, unknown>;
  const members = Object.entries({ kty, crv, x, y, n, e, pub });
  return Object.fromEntries(members.filter(([, value]) => value !== undefined));
}

export function privateKeyOf(jwk: JsonWebKey): KeyObject {
  return createPrivateKey({ key: jwk, format: "jwk" });
}

/** An object is written as JSON, over the defaults; text and bytes are taken as they are. */
export type Part = Readonly<Record<string, unknown>> | string | Uint8Array;

export function sampleClaims(claims: Readonly<Record<string, unknown>> = {}) {
  return { iss: ISSUER, aud: AUDIENCE, sub: "user-1", iat: NOW, exp: NOW + 600, ...claims };
}

/** A token whose signature is right, whatever its header and claims say. */
export function sign(key: SampleKey, header: Part = {}, claims: Part = {}): string {
  const input = signingInput(key, header, claims);
  return `${input}.${signature(key, input).toString("base64url")}`;
}

/** A token with the given signature, right or wrong. */
export function assemble(key: SampleKey, header: Part, claims: Part, bytes: Uint8Array): string {
  return `${signingInput(key, header, claims)}.${encode(bytes)}`;
}

export function signingInput(key: SampleKey, header: Part = {}, claims: Part = {}): string {
  const wholeHeader = isRaw(header) ? header : JSON.stringify({ alg: key.alg, kid: key.kid, ...header });
  const wholeClaims = isRaw(claims) ? claims : JSON.stringify(sampleClaims(claims));
  return `${encode(wholeHeader)}.${encode(wholeClaims)}`;
}

/** As the key's own algorithm has it, in the words of `node:crypto`. */
export function signature(
  key: SampleKey,
  input: string | Uint8Array,
  alg: VerifyAlgorithm = key.alg,
): Buffer {
  const hash = /^(?:ES|RS)/.test(alg) ? `sha${alg.slice(2)}` : null;
  if (alg.startsWith("PS")) return pssSignature(key, input, alg, Number(alg.slice(2)) / 8);
  return signBytes(hash, Buffer.from(input), { key: pemOf(key.privateKey), dsaEncoding: "ieee-p1363" });
}

/** By the older call, because the other one does not heed the padding in workerd. */
export function pssSignature(
  { privateKey }: SampleKey,
  input: string | Uint8Array,
  alg: VerifyAlgorithm,
  saltLength: number,
): Buffer {
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return createSign(`sha${alg.slice(2)}`)
    .update(input)
    .sign({ key: pemOf(privateKey), padding, saltLength });
}

const pems = new WeakMap<KeyObject, string>();

/** As text, because workerd's `node:crypto` takes no KeyObject beside further options. */
export function pemOf(privateKey: KeyObject): string {
  const known = pems.get(privateKey);
  if (known !== undefined) return known;
  const pem = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  pems.set(privateKey, pem);
  return pem;
}

export function encode(part: string | Uint8Array): string {
  return Buffer.from(part).toString("base64url");
}

function isRaw(part: Part): part is string | Uint8Array {
  return typeof part === "string" || part instanceof Uint8Array;
}

export interface CountingFetch {
  readonly fetch: typeof fetch;
  count: number;
  /** What is published: changes with the next request. */
  keys: readonly unknown[];
}

/** A JWKS endpoint without a network that knows how often it was asked. */
export function countingFetch(keys: readonly unknown[]): CountingFetch {
  const endpoint: CountingFetch = {
    count: 0,
    keys,
    fetch: async () => {
      endpoint.count++;
      return new Response(JSON.stringify({ keys: endpoint.keys }), {
        headers: { "Content-Type": "application/jwk-set+json", "Cache-Control": "max-age=600" },
      });
    },
  };
  return endpoint;
}

export interface Watched {
  readonly verifier: Verifier;
  readonly endpoint: CountingFetch;
  readonly clock: ManualClock;
}

export type WatchedOptions = CommonOptions & Partial<Omit<IssuerOptions, "jwks" | "jwksUrl">>;

/** A verifier of this issuer that has its keys, and whose fetches are counted from now on. */
export async function warmVerifier(keys: readonly unknown[], options: WatchedOptions = {}): Promise<Watched> {
  const endpoint = countingFetch(keys);
  const clock = manualClock(NOW);
  const verifier = createVerifier({
    issuer: ISSUER,
    audience: AUDIENCE,
    jwksUrl: JWKS_URL,
    fetch: endpoint.fetch,
    random: () => 0.5,
    clock,
    ...options,
  });
  await verifier.warm();
  endpoint.count = 0;
  return { verifier, endpoint, clock };
}

export type Verdict = RefusalReason | "accepted";

export async function verdictOf(verifier: Verifier, token: string): Promise<Verdict> {
  try {
    await verifier.verify(token);
    return "accepted";
  } catch (error) {
    return reasonOf(error);
  }
}

export function verdictSyncOf(verifier: Verifier, token: string): Verdict {
  try {
    verifier.verifySync(token);
    return "accepted";
  } catch (error) {
    return reasonOf(error);
  }
}

const { checkSync } = await importSignatureCheck("EdDSA", {
  kty: "OKP",
  crv: "Ed25519",
  x: sampleKey("EdDSA").jwk["x"] as string,
});

/** Whether this runtime has `verifySync`: Node has. */
export const CHECKS_AT_ONCE: boolean = checkSync !== null;

/** Of both ways to verify, which must agree. */
export async function agreedVerdict(verifier: Verifier, token: string): Promise<Verdict> {
  const awaited = await verdictOf(verifier, token);
  const atOnce = CHECKS_AT_ONCE ? verdictSyncOf(verifier, token) : awaited;
  if (atOnce !== awaited) throw new Error(`verify says ${awaited}, verifySync says ${atOnce}`);
  return awaited;
}

/** Anything but a refusal in words is thrown on: it is a bug. */
function reasonOf(error: unknown): RefusalReason {
  if (isVerifyError(error)) return error.reason;
  throw error;
}
