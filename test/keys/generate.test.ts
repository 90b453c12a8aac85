import { createHash } from "node:crypto";
import type { JWK } from "jose";
import { describe, expect, it } from "vitest";
import { isKeyturnError, type KeyturnError } from "../../src/errors.ts";
import { generateKey, selfTest, thumbprint } from "../../src/keys/generate.ts";
import { ALGORITHMS, type Algorithm } from "../../src/ring/algorithm.ts";
import type { PublicJwk } from "../../src/ring/ring.ts";
import { kek, privateMembersOf, RING, sampleKey } from "./sample-key.ts";

/** RFC 7638 section 3, RFC 9964 for AKP: the required members, in lexical order, and no white space. */
function thumbprintByHand(jwk: PublicJwk): string {
  const required = {
    EC: ["crv", "kty", "x", "y"],
    RSA: ["e", "kty", "n"],
    OKP: ["crv", "kty", "x"],
    AKP: ["alg", "kty", "pub"],
  };
  const members = required[jwk.kty].map(
    (member) => `"${member}":"${(jwk as Record<string, string>)[member]}"`,
  );
  return createHash("sha256")
    .update(`{${members.join(",")}}`)
    .digest("base64url");
}

const FORMS: Readonly<Record<string, object>> = {
  ES256: { kty: "EC", crv: "P-256" },
  ES384: { kty: "EC", crv: "P-384" },
  ES512: { kty: "EC", crv: "P-521" },
  EdDSA: { kty: "OKP", crv: "Ed25519" },
  RS: { kty: "RSA", e: "AQAB" },
  PS: { kty: "RSA", e: "AQAB" },
};

async function selfTestRefusal(...args: Parameters<typeof selfTest>): Promise<KeyturnError> {
  const error = await selfTest(...args).catch((refusal: unknown) => refusal);
  if (isKeyturnError(error, "key_selftest_failed")) return error;
  throw new Error("The halves passed.", { cause: error });
}

describe.each(ALGORITHMS)("a generated %s key", (alg) => {
  it("is named by the RFC 7638 thumbprint of its public half", async () => {
    const { key } = await sampleKey(alg);
    expect(key.kid).toBe(thumbprintByHand(key.publicJwk));
    expect(await thumbprint(key.publicJwk)).toBe(key.kid);
  });

  it("is of the form that its algorithm needs", async () => {
    const { key } = await sampleKey(alg);
    expect(key.alg).toBe(alg);
    expect(key.publicJwk).toMatchObject(FORMS[alg] ?? FORMS[alg.slice(0, 2)] ?? { kty: "AKP", alg });
  });

  it("shows no private member outside its seal", async () => {
    const { key, privateJwk } = await sampleKey(alg);
    const secrets = privateMembersOf(privateJwk);
    expect(secrets.length).toBeGreaterThan(0);
    for (const secret of secrets) expect(JSON.stringify(key)).not.toContain(secret);
    expect(Object.keys(key).sort()).toEqual(["alg", "kid", "publicJwk", "sealedJwk"]);
  });
});

describe("a generated key", () => {
  it("is another one each time", async () => {
    const keys = await Promise.all(
      Array.from({ length: 20 }, () => generateKey({ alg: "EdDSA", rsaBits: 2048 }, RING, kek)),
    );
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(20);
    expect(new Set(keys.map(({ sealedJwk }) => sealedJwk)).size).toBe(20);
  });

  it.each([2048, 3072, 4096] as const)("has an RSA modulus of %i bits when asked for that", async (bits) => {
    const { n } = (await sampleKey("RS256", "", bits)).key.publicJwk as { n: string };
    const modulus = Buffer.from(n, "base64url");
    expect(modulus).toHaveLength(bits / 8);
    expect(modulus[0]).toBeGreaterThanOrEqual(0x80);
  });

  it("is refused where the runtime cannot make it", async () => {
    const alg = "ES256K" as Algorithm;
    await expect(generateKey({ alg, rsaBits: 2048 }, RING, kek)).rejects.toMatchObject({
      code: "alg_unsupported",
      fix: expect.stringContaining("ES256"),
    });
  });
});

describe("the self-test", () => {
  it("passes a pair whose halves belong together", async () => {
    for (const alg of ["ES256", "RS256", "PS256", "EdDSA", "ML-DSA-44"] as const) {
      const { key, privateJwk } = await sampleKey(alg);
      await selfTest(key, privateJwk);
    }
  });

  it.each(["ES256", "ES512", "RS256", "EdDSA", "ML-DSA-44"] as const)(
    "refuses the private half of one %s pair with the public half of another",
    async (alg) => {
      const [one, other] = [await sampleKey(alg), await sampleKey(alg, "other")];
      const error = await selfTestRefusal(one.key, other.privateJwk);
      expect(error.message).toContain(one.key.kid);
    },
  );

  it("refuses a private half whose parts do not fit each other", async () => {
    const [one, other] = [await sampleKey("ES256"), await sampleKey("ES256", "other")];
    await selfTestRefusal(one.key, { ...one.privateJwk, d: other.privateJwk.d as string });
  });

  it("refuses a key under another algorithm than its own", async () => {
    const { key, privateJwk } = await sampleKey("ES256");
    for (const alg of ["ES384", "RS256", "EdDSA", "ML-DSA-44"] as const) {
      await selfTestRefusal({ ...key, alg }, privateJwk);
    }
  });

  it("refuses a private half that is none", async () => {
    const { key } = await sampleKey("ES256");
    for (const jwk of [{}, key.publicJwk as JWK, { kty: "oct", k: "AAAA" }])
      await selfTestRefusal(key, jwk as JWK);
  });

  it("never shows the private half that it refuses", async () => {
    const [one, other] = [await sampleKey("RS256"), await sampleKey("RS256", "other")];
    const error = await selfTestRefusal(one.key, other.privateJwk);
    const shown = `${error.stack} ${(error.cause as Error | undefined)?.stack}`;
    for (const secret of privateMembersOf(other.privateJwk)) expect(shown).not.toContain(secret);
  });
});
