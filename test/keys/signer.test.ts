import { constants, createPublicKey, type JsonWebKey, type KeyObject, verify } from "node:crypto";
import fc from "fast-check";
import { createVerifier } from "fast-jwt";
import { importJWK, type JWK, jwtVerify } from "jose";
import jsonwebtoken from "jsonwebtoken";
import { describe, expect, it } from "vitest";
import * as onNode from "../../src/keys/signature.node.ts";
import * as onWeb from "../../src/keys/signature.web.ts";
import { createSigner } from "../../src/keys/signer.ts";
import { ALGORITHMS, type Algorithm } from "../../src/ring/algorithm.ts";
import { NOW, sampleKey } from "./sample-key.ts";

const CLAIMS = { iss: "https://auth.example.com", sub: "user-1", iat: NOW, exp: NOW + 900 };
const CLASSIC = ALGORITHMS.filter((alg) => !alg.startsWith("ML-DSA"));
const JSONWEBTOKEN = CLASSIC.filter((alg) => alg !== "EdDSA");

async function signed(alg: Algorithm, payload: string = JSON.stringify(CLAIMS)) {
  const { key, privateJwk } = await sampleKey(alg);
  const token = await (await createSigner(key, privateJwk, "at+jwt")).sign(payload);
  return { key, token, publicKey: createPublicKey({ key: key.publicJwk as JsonWebKey, format: "jwk" }) };
}

/** What RFC 7518 and RFC 8037 ask of a signature, in the words of node:crypto. */
function verifiesOnNode(alg: Algorithm, input: string, signature: string, key: KeyObject): boolean {
  const hash = /^(?:ES|RS|PS)/.test(alg) ? `sha${alg.slice(2)}` : null;
  const options = alg.startsWith("PS")
    ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: Number(alg.slice(2)) / 8 }
    : { key, dsaEncoding: "ieee-p1363" as const };
  return verify(hash, Buffer.from(input), options, Buffer.from(signature, "base64url"));
}

function partsOf(token: string): [input: string, signature: string] {
  const at = token.lastIndexOf(".");
  return [token.slice(0, at), token.slice(at + 1)];
}

function changed(token: string): string {
  const [input, signature] = partsOf(token);
  return `${input}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
}

describe.each(ALGORITHMS)("a token signed with %s", (alg) => {
  it("verifies with jose, and not once it was changed", async () => {
    const { key, token } = await signed(alg);
    const jwk = await importJWK(key.publicJwk as JWK, alg);
    const options = { currentDate: new Date(NOW * 1000), algorithms: [alg], typ: "at+jwt" };
    expect((await jwtVerify(token, jwk, options)).payload).toEqual(CLAIMS);
    await expect(jwtVerify(changed(token), jwk, options)).rejects.toThrow();
  });

  it("verifies with node:crypto, and not once it was changed", async () => {
    const { token, publicKey } = await signed(alg);
    expect(verifiesOnNode(alg, ...partsOf(token), publicKey)).toBe(true);
    expect(verifiesOnNode(alg, ...partsOf(changed(token)), publicKey)).toBe(false);
  });

  it("has the header that was asked for and nothing more", async () => {
    const { key, token } = await signed(alg);
    const [header] = token.split(".") as [string];
    expect(JSON.parse(Buffer.from(header, "base64url").toString())).toEqual({
      alg,
      typ: "at+jwt",
      kid: key.kid,
    });
  });

  it("is in compact form without padding, and its payload is the text given", async () => {
    const { token } = await signed(alg, '{"grüße":"\u{1f511}"}');
    expect(token).toMatch(/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/);
    expect(Buffer.from(token.split(".")[1] as string, "base64url").toString()).toBe('{"grüße":"\u{1f511}"}');
  });
});

describe.each(JSONWEBTOKEN)("a token signed with %s", (alg) => {
  it("verifies with jsonwebtoken", async () => {
    const { token, publicKey } = await signed(alg);
    const options = { algorithms: [alg as jsonwebtoken.Algorithm], clockTimestamp: NOW };
    expect(jsonwebtoken.verify(token, publicKey, options)).toEqual(CLAIMS);
    expect(() => jsonwebtoken.verify(changed(token), publicKey, options)).toThrow("invalid signature");
  });
});

describe.each(CLASSIC)("a token signed with %s", (alg) => {
  it("verifies with fast-jwt", async () => {
    const { token, publicKey } = await signed(alg);
    const key = publicKey.export({ type: "spki", format: "pem" });
    const verifier = createVerifier({ key, algorithms: [alg as never], clockTimestamp: NOW * 1000 });
    expect(verifier(token)).toEqual(CLAIMS);
    expect(() => verifier(changed(token))).toThrow();
  });
});

describe.each(ALGORITHMS)("signing with %s on Node and on the web", (alg) => {
  const input = "eyJhbGciOiJ4In0.eyJzdWIiOiJ1c2VyLTEifQ";

  it("makes signatures that verify alike", async () => {
    const { key, privateJwk } = await sampleKey(alg);
    const publicKey = createPublicKey({ key: key.publicJwk as JsonWebKey, format: "jwk" });
    for (const { importSign } of [onNode, onWeb]) {
      const sign = await importSign(alg, privateJwk);
      for (let time = 0; time < 5; time++) {
        const signature = await sign(`${input}${time}`);
        expect(verifiesOnNode(alg, `${input}${time}`, signature, publicKey)).toBe(true);
      }
    }
  });
});

describe("signing on Node and on the web", () => {
  it.each(["RS256", "RS384", "RS512", "EdDSA"] as const)("makes the same signature with %s", async (alg) => {
    const { privateJwk } = await sampleKey(alg);
    const [node, web] = [await onNode.importSign(alg, privateJwk), await onWeb.importSign(alg, privateJwk)];
    expect(await node("a.b")).toBe(await web("a.b"));
  });

  it("encodes every text alike, with and without room for it in the scratch buffer", () => {
    const texts = fc.oneof(
      fc.string({ unit: "binary", maxLength: 300 }),
      fc.string({ unit: "grapheme", maxLength: 300 }),
      fc
        .tuple(fc.constantFrom("a", "é", "\u{1f511}", "\ud800"), fc.integer({ min: 5000, max: 40_000 }))
        .map(([unit, n]) => unit.repeat(n)),
    );
    fc.assert(
      fc.property(texts, (text) => {
        expect(onNode.encodeText(text)).toBe(onWeb.encodeText(text));
        expect(onNode.encodeText(text)).toBe(Buffer.from(text).toString("base64url"));
      }),
      { numRuns: 300 },
    );
  });
});

describe("a signer", () => {
  it("answers at once on Node: signing takes no turn of the event loop", async () => {
    const { key, privateJwk } = await sampleKey("ES256");
    expect((await createSigner(key, privateJwk, "JWT")).sign("{}")).toEqual(expect.any(String));
  });

  it("signs long payloads as well as short ones, in any order", async () => {
    const { key, privateJwk } = await sampleKey("ES256");
    const signer = await createSigner(key, privateJwk, "JWT");
    const publicKey = createPublicKey({ key: key.publicJwk as JsonWebKey, format: "jwk" });
    for (const length of [1, 100, 8192, 20_000, 33_000, 2, 100_000, 3]) {
      const payload = JSON.stringify({ text: "ü".repeat(length) });
      const token = await signer.sign(payload);
      expect(verifiesOnNode("ES256", ...partsOf(token), publicKey)).toBe(true);
      expect(Buffer.from(token.split(".")[1] as string, "base64url").toString()).toBe(payload);
    }
  });

  it("keeps kid and signature together where many sign in turn", async () => {
    const samples = await Promise.all(["", "a", "b", "c"].map((name) => sampleKey("ES256", name)));
    const signers = await Promise.all(
      samples.map(({ key, privateJwk }) => createSigner(key, privateJwk, "JWT")),
    );
    for (let turn = 0; turn < 100; turn++) {
      const i = (turn * 7) % signers.length;
      const token = await signers[i]?.sign(`{"turn":${turn}}`);
      const { key } = samples[i] as (typeof samples)[number];
      const publicKey = createPublicKey({ key: key.publicJwk as JsonWebKey, format: "jwk" });
      expect(signers[i]?.kid).toBe(key.kid);
      expect(verifiesOnNode("ES256", ...partsOf(token as string), publicKey)).toBe(true);
    }
  });

  it("makes ES256 signatures of 64 bytes, ES384 of 96 and ES512 of 132, always", async () => {
    for (const [alg, bytes] of [
      ["ES256", 64],
      ["ES384", 96],
      ["ES512", 132],
    ] as const) {
      const { key, privateJwk } = await sampleKey(alg);
      const signer = await createSigner(key, privateJwk, "JWT");
      for (let time = 0; time < 200; time++) {
        const [, signature] = partsOf(await signer.sign(`{"time":${time}}`));
        expect(Buffer.from(signature, "base64url")).toHaveLength(bytes);
      }
    }
  });
});
