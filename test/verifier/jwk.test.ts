import { describe, expect, it } from "vitest";
import { VERIFY_ALGORITHMS, type VerifyAlgorithm } from "../../src/verifier/algorithms.ts";
import { judgeJwk, type SkipReason } from "../../src/verifier/jwk.ts";
import { isWeakModulus } from "../../src/verifier/weak-modulus.ts";
import { rocaKey } from "./roca-key.ts";
import { publicJwkOf, sampleKey, sampleRsaKey } from "./sample-issuer.ts";

const EC = sampleKey("ES256").jwk;
const P521 = sampleKey("ES512").jwk;
const RSA = sampleRsaKey("RS256").jwk;
const OKP = sampleKey("EdDSA").jwk;
const AKP = {
  kid: "ML-DSA-44",
  kty: "AKP",
  alg: "ML-DSA-44",
  pub: Buffer.alloc(1312, 7).toString("base64url"),
};

const judge = (jwk: unknown, accepted: readonly VerifyAlgorithm[] = VERIFY_ALGORITHMS) =>
  judgeJwk(jwk, accepted);

/** The same number, written with so many zeros before it. */
const withZeros = (text: unknown, count = 1) =>
  Buffer.concat([Buffer.alloc(count), Buffer.from(text as string, "base64url")]).toString("base64url");
const bytes = (...values: number[]) => Buffer.from(values).toString("base64url");
const modulus = (length: number) => Buffer.alloc(length, 0xff).toString("base64url");

describe("a key that is taken", () => {
  it.each([
    ["EC", EC, ["crv", "kty", "x", "y"]],
    ["RSA", RSA, ["e", "kty", "n"]],
    ["OKP", OKP, ["crv", "kty", "x"]],
    ["AKP", AKP, ["alg", "kty", "pub"]],
  ] as const)("goes on with what an import needs, and nothing else: %s", (_, jwk, members) => {
    const judged = judge({ ...jwk, use: "sig", key_ops: ["verify"], x5c: ["AAAA"], ext: true, "x-own": {} });
    expect(judged).toMatchObject({ kid: jwk["kid"], algs: [jwk["alg"]] });
    expect(Object.keys((judged as { jwk: object }).jwk).sort()).toEqual(members);
  });

  it.each<[string, object]>([
    ["may do without kid", { ...EC, kid: undefined }],
    ["may be for verifying and more", { ...EC, key_ops: ["sign", "verify"] }],
    ["may have a zero before its modulus", { ...RSA, n: withZeros(RSA["n"]) }],
    ["may have zeros before its exponent", { ...RSA, e: withZeros(RSA["e"], 5) }],
    ["may have 3 as its exponent", { ...RSA, e: bytes(3) }],
    ["may have 8192 bits", { ...RSA, n: modulus(1024) }],
  ])("%s", (_, jwk) => {
    expect(judge(jwk)).toBeTypeOf("object");
  });

  it("may write what is absent as null", () => {
    const nulls = { use: null, key_ops: null, alg: null, d: null, x5c: null };
    expect(judgeJwk({ ...EC, ...nulls }, VERIFY_ALGORITHMS)).toEqual(judgeJwk(EC, VERIFY_ALGORITHMS));
  });

  it("is for one algorithm, under all its names", () => {
    const algsOf = (jwk: object, accepted?: readonly VerifyAlgorithm[]) => {
      const judged = judge({ ...jwk, alg: undefined }, accepted);
      return typeof judged === "string" ? judged : judged.algs;
    };
    expect(algsOf(EC)).toEqual(["ES256"]);
    expect(algsOf(P521)).toEqual(["ES512"]);
    expect(algsOf(OKP)).toEqual(["EdDSA", "Ed25519"]);
    expect(algsOf(OKP, ["Ed25519", "ES256"])).toEqual(["Ed25519"]);
    expect(algsOf(RSA)).toEqual(["RS256"]);
    expect(algsOf(RSA, ["PS384", "ES256"])).toEqual(["PS384"]);
    expect(algsOf(RSA, ["PS384", "PS256"])).toBe("alg_not_accepted");
    expect(algsOf(AKP)).toBe("alg_not_accepted");
    expect(algsOf(EC, ["ES384"])).toBe("alg_not_accepted");
  });
});

describe("a key that is passed over", () => {
  const cases: readonly [SkipReason, string, unknown][] = [
    ["not_a_key", "null", null],
    ["not_a_key", "a text", "EC"],
    ["not_a_key", "a list", [EC]],
    ["not_a_key", "nothing", {}],
    ["not_a_key", "an unknown kty", { ...EC, kty: "EC2" }],
    ["not_a_key", "kty in lower case", { ...EC, kty: "ec" }],
    ["not_a_key", "oct that shows nothing", { kty: "oct", kid: "a" }],
    ["private", "a secret", { kty: "oct", k: "c2VjcmV0" }],
    ["private", "a secret for HS256 with a kid", { kty: "oct", k: "c2VjcmV0", alg: "HS256", kid: "a" }],
    ...["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"].map((member): [SkipReason, string, unknown] => [
      "private",
      `the member ${member}`,
      { ...RSA, [member]: "AQ" },
    ]),
    ["private", "a private member that is empty", { ...EC, d: "" }],
    ["private", "a private key of a kind unknown", { kty: "X", d: "AQ" }],
    ...["enc", "SIG", "", ["sig"]].map((use): [SkipReason, string, unknown] => [
      "not_for_signatures",
      `use ${JSON.stringify(use)}`,
      { ...EC, use },
    ]),
    ...[[], ["sign"], ["encrypt", "wrapKey"], "verify", {}].map((key_ops): [SkipReason, string, unknown] => [
      "not_for_signatures",
      `key_ops ${JSON.stringify(key_ops)}`,
      { ...EC, key_ops },
    ]),
    ...["", 1, ["a"], "a\n", "k".repeat(257)].map((kid): [SkipReason, string, unknown] => [
      "kid_malformed",
      `kid ${JSON.stringify(kid).slice(0, 8)}`,
      { ...EC, kid },
    ]),
    ...["HS256", "none", "ES256K", "RSA-OAEP", "es256", "", 1, ["ES256"]].map(
      (alg): [SkipReason, string, unknown] => [
        "alg_not_accepted",
        `alg ${JSON.stringify(alg)}`,
        { ...EC, alg },
      ],
    ),
    ["alg_not_accepted", "a curve that is not accepted", { ...EC, alg: undefined, crv: "secp256k1" }],
    ["alg_not_accepted", "a curve by an inherited name", { ...EC, alg: undefined, crv: "constructor" }],
    ["alg_not_accepted", "an Ed448 key", { ...OKP, alg: undefined, crv: "Ed448" }],
    ["alg_not_accepted", "an X25519 key", { ...OKP, alg: undefined, crv: "X25519" }],
    ["alg_mismatch", "alg of another curve", { ...EC, alg: "ES384" }],
    ["alg_mismatch", "alg of another kty", { ...EC, alg: "RS256" }],
    ["alg_mismatch", "another curve below its alg", { ...EC, crv: "P-384" }],
    ["alg_mismatch", "no curve below its alg", { ...EC, crv: undefined }],
    ["alg_mismatch", "an Ed25519 key that calls itself EC", { ...OKP, kty: "EC" }],
    ["material_malformed", "no y", { ...EC, y: undefined }],
    ["material_malformed", "x that is a number", { ...EC, x: 1 }],
    ["material_malformed", "x that is too short", { ...EC, x: bytes(1, 2, 3) }],
    ["material_malformed", "x with a zero before it", { ...EC, x: withZeros(EC["x"]) }],
    ["material_malformed", "x with padding", { ...EC, x: `${EC["x"]}=` }],
    ["material_malformed", "x in the alphabet of base64", { ...EC, x: `${"+".repeat(42)}8` }],
    ["material_malformed", "x of P-256 on P-521", { ...P521, x: EC["x"] }],
    ["material_malformed", "an Ed25519 key of 31 bytes", { ...OKP, x: bytes(...Buffer.alloc(31, 1)) }],
    ["material_malformed", "no modulus", { ...RSA, n: undefined }],
    ["material_malformed", "a modulus of zeros", { ...RSA, n: bytes(...Buffer.alloc(256)) }],
    ["material_malformed", "a modulus that takes too long", { ...RSA, n: modulus(1025) }],
    ["material_malformed", "no exponent", { ...RSA, e: undefined }],
    ["material_malformed", "exponent 0", { ...RSA, e: bytes(0) }],
    ["material_malformed", "an exponent that takes too long", { ...RSA, e: bytes(1, 0, 0, 0, 1) }],
    ["material_malformed", "no pub", { ...AKP, pub: undefined }],
    ["weak", "1024 bits", { ...RSA, n: modulus(128) }],
    ["weak", "2040 bits", { ...RSA, n: modulus(255) }],
    ["weak", "2040 bits with a zero before them", { ...RSA, n: withZeros(modulus(255)) }],
    ["weak", "exponent 1", { ...RSA, e: bytes(1) }],
    ["weak", "exponent 1 with zeros before it", { ...RSA, e: bytes(0, 0, 1) }],
    ["weak", "an even exponent", { ...RSA, e: bytes(2) }],
    ["weak", "a key of the broken generator", { ...publicJwkOf(rocaKey()), alg: "RS256" }],
  ];

  it.each(cases)("as %s: %s", (because, _, jwk) => {
    expect(judge(jwk)).toBe(because);
  });

  it("by an algorithm that others accept", () => {
    expect(judge(EC, ["RS256"])).toBe("alg_not_accepted");
    expect(judge(RSA, ["PS256"])).toBe("alg_not_accepted");
  });
});

it("takes no honest modulus for one of the broken generator", () => {
  const honest = ["a", "b", "c"].map((owner) => sampleRsaKey("RS256", "RS256", owner).jwk["n"] as string);
  for (const n of honest) expect(isWeakModulus(Buffer.from(n, "base64url"))).toBe(false);
});
