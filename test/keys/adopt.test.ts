import { generateKeyPairSync } from "node:crypto";
import { compactVerify, importJWK, type JWK } from "jose";
import { describe, expect, it } from "vitest";
import { isKeyturnError } from "../../src/errors.ts";
import { adoptKey, type KeyToAdopt } from "../../src/keys/adopt.ts";
import { thumbprint } from "../../src/keys/generate.ts";
import { openJwk } from "../../src/keys/seal.ts";
import { createSigner } from "../../src/keys/signer.ts";
import type { Algorithm } from "../../src/ring/algorithm.ts";
import { kek, privateMembersOf, RING, sampleKey } from "./sample-key.ts";

const { privateJwk: ec } = await sampleKey("ES256");
const { privateJwk: rsa } = await sampleKey("RS256");

const adopt = (key: KeyToAdopt, preferred: Algorithm = "ES256") => adoptKey(key, preferred, RING, kek);
const asRecord = (jwk: JWK) => ({ ...jwk }) as Readonly<Record<string, unknown>>;

/** The refusal, which must hold no private member. */
async function refusalOf(
  jwk: Readonly<Record<string, unknown>>,
  rest: Partial<KeyToAdopt> = {},
): Promise<string> {
  const error: unknown = await adopt({ privateJwk: jwk, ...rest }).then(
    () => null,
    (refusal: unknown) => refusal,
  );
  if (!isKeyturnError(error)) throw new Error(`It was adopted, or ended in ${error}.`);
  for (const secret of privateMembersOf(jwk as JWK))
    expect(`${error.message} ${error.fix}`).not.toContain(secret);
  return `${error.code}: ${error.message}`;
}

describe("a private key from elsewhere", () => {
  it.each<Algorithm>(["ES256", "ES384", "ES512", "RS256", "PS384", "EdDSA", "ML-DSA-44"])(
    "of %s signs here as it did there, under the kid that it had",
    async (alg) => {
      const { privateJwk, key } = await sampleKey(alg);
      const adopted = await adopt({ privateJwk: { ...privateJwk, alg, kid: "their-kid", use: "sig" } });
      expect(adopted).toMatchObject({ kid: "their-kid", alg, publicJwk: key.publicJwk });
      const opened = await openJwk(adopted.sealedJwk, { ring: RING, kid: "their-kid" }, kek);
      expect(opened).toEqual(privateJwk);
      const signed = await (await createSigner(adopted, opened, "JWT")).sign("{}");
      const verified = await compactVerify(signed, await importJWK(key.publicJwk as JWK, alg));
      expect(verified.protectedHeader).toEqual({ alg, typ: "JWT", kid: "their-kid" });
    },
  );

  it("is named as asked for, else as it names itself, else by its thumbprint", async () => {
    const named = { ...ec, kid: "own" };
    expect((await adopt({ privateJwk: named, kid: "https://x/keys#1" })).kid).toBe("https://x/keys#1");
    expect((await adopt({ privateJwk: named })).kid).toBe("own");
    for (const dotted of ["...", ".a", "a."])
      expect((await adopt({ privateJwk: named, kid: dotted })).kid).toBe(dotted);
    const nameless = await adopt({ privateJwk: asRecord(ec) });
    expect(nameless.kid).toBe(await thumbprint(nameless.publicJwk));
  });

  it("is refused with a kid that nobody could carry", async () => {
    for (const kid of ["", ".", "..", "a b", "a\nb", "x".repeat(257), 7, null, {}]) {
      expect(await refusalOf({ ...ec, kid }), String(kid)).toMatch(/^import_invalid: .*kid/);
    }
    expect(await refusalOf(asRecord(ec), { kid: "\u001b[2J" })).toMatch(/^import_invalid: .*kid/);
  });

  it("is sealed without what its file says of it besides", async () => {
    const { sealedJwk, kid } = await adopt({ privateJwk: { ...ec, x5c: ["MII"], comment: "prod", iat: 1 } });
    expect(Object.keys(await openJwk(sealedJwk, { ring: RING, kid }, kek)).sort()).toEqual(
      ["kty", "crv", "x", "y", "d"].sort(),
    );
  });
});

describe("the algorithm of its tokens", () => {
  it("is the one asked for, else its own, else the only one that fits, else the policy's", async () => {
    expect((await adopt({ privateJwk: { ...rsa, alg: "RS512" }, alg: "PS256" })).alg).toBe("PS256");
    expect((await adopt({ privateJwk: { ...rsa, alg: "RS512" } })).alg).toBe("RS512");
    expect((await adopt({ privateJwk: asRecord(ec) }, "RS256")).alg).toBe("ES256");
    expect((await adopt({ privateJwk: asRecord(rsa) }, "PS512")).alg).toBe("PS512");
  });

  it("is never guessed among several", async () => {
    expect(await refusalOf(asRecord(rsa))).toContain("say which it is to be: RS256, RS384, RS512, PS256");
  });

  it("is refused where the key cannot do it, or names one that is not ours", async () => {
    expect(await refusalOf(asRecord(ec), { alg: "ES384" })).toContain("it cannot sign ES384");
    expect(await refusalOf(asRecord(ec), { alg: "RS256" })).toContain("it cannot sign RS256");
    expect(await refusalOf({ ...rsa, alg: "RSA-OAEP" })).toContain("its alg is none");
    expect(await refusalOf({ ...ec, alg: "none" })).toContain("its alg is none");
    expect(await refusalOf({ ...ec, alg: 256 })).toContain("its alg is none");
  });
});

describe("what is no private key to sign with is refused:", () => {
  const weak = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey.export({ format: "jwk" });
  const exponent3 = generateKeyPairSync("rsa", { modulusLength: 2048, publicExponent: 3 }).privateKey;
  const secp256k1 = generateKeyPairSync("ec", { namedCurve: "secp256k1" }).privateKey;
  const x25519 = generateKeyPairSync("x25519").privateKey;
  const { d: _, ...publicEc } = ec;
  const { p: _p, q: _q, ...withoutPrimes } = rsa;

  it.each<[string, Readonly<Record<string, unknown>>, string]>([
    ["a public key", publicEc, "it lacks d"],
    ["a symmetric key", { kty: "oct", k: "c2VjcmV0" }, "it is symmetric"],
    ["no key", {}, "its kty is none of"],
    ["a prototype's name for a key type", { ...ec, kty: "constructor" }, "its kty is none of"],
    ["an encryption key", { ...ec, use: "enc" }, 'its use is not "sig"'],
    ["a key that is for verifying only", { ...ec, key_ops: ["verify"] }, "its key_ops"],
    ["a member of another kind", { ...ec, d: 5 }, "it lacks d"],
    ["a member with padding", { ...ec, x: `${ec.x}=` }, "not base64url without padding: x"],
    ["members beyond ASCII", { ...ec, x: `\ufeff${ec.x}`, d: "ä" }, "not base64url without padding: x, d"],
    ["RSA without its primes", withoutPrimes, "it lacks p, q"],
    ["RSA with three primes", { ...rsa, oth: [] }, "it has more than two primes"],
    ["RSA of 1024 bits", { ...weak }, "its modulus has 1024 bits"],
    ["RSA with a modulus of nothing", { ...rsa, n: "AA" }, "its modulus has 0 bits"],
    ["RSA with exponent 3", { ...exponent3.export({ format: "jwk" }) }, "its public exponent"],
    ["a curve that keyturn does not sign with", { ...secp256k1.export({ format: "jwk" }) }, "its curve"],
    ["a key for key agreement", { ...x25519.export({ format: "jwk" }) }, "its curve"],
  ])("%s", async (_, jwk, why) => {
    const said = await refusalOf(jwk, jwk["kty"] === "RSA" ? { alg: "RS256" } : {});
    expect(said).toMatch(/^import_invalid: /);
    expect(said).toContain(why);
  });

  it("halves that do not fit together", async () => {
    const { privateJwk: other } = await sampleKey("ES256", "other");
    expect(await refusalOf({ ...ec, d: other.d })).toMatch(/^import_invalid: .*do not belong together/);
    expect(await refusalOf({ ...ec, x: other.x })).toMatch(/^import_invalid: .*do not belong together/);
  });
});
