/** A key is for one algorithm, whatever a token says; and tokens that come together do not mix. */
import { describe, expect, it } from "vitest";
import type { VerifyAlgorithm } from "../../src/verifier/algorithms.ts";
import {
  agreedVerdict,
  CHECKS_AT_ONCE,
  encode,
  MADE_ALGORITHMS,
  type SampleKey,
  sampleKey,
  sampleRsaKey,
  sign,
  signature,
  signingInput,
  verdictOf,
  verdictSyncOf,
  warmVerifier,
} from "./sample-issuer.ts";

const KEYS: readonly SampleKey[] = MADE_ALGORITHMS.map((alg) =>
  /^[RP]S/.test(alg) ? sampleRsaKey(alg) : sampleKey(alg, alg, /^Ed/.test(alg) ? "either" : "issuer"),
);
const PUBLISHED = KEYS.map(({ jwk }) => jwk);

/** As well signed as that key can, under that name. */
function signedAs(key: SampleKey, alg: VerifyAlgorithm): string {
  const input = signingInput(key, { alg });
  const isRsa = /^[RP]S/.test(alg) && /^[RP]S/.test(key.alg);
  return `${input}.${encode(signature(key, input, isRsa ? alg : key.alg))}`;
}

describe.each(KEYS)("a key that is published for $alg", (key) => {
  it("takes its own tokens and no other algorithm's, though the signature would fit", async () => {
    const { verifier, endpoint } = await warmVerifier(PUBLISHED);
    for (const alg of MADE_ALGORITHMS) {
      const token = signedAs(key, alg);
      const expected = alg === key.alg ? "accepted" : "alg_mismatch";
      expect([alg, await agreedVerdict(verifier, token)]).toEqual([alg, expected]);
    }
    expect(endpoint.count).toBe(0);
  });
});

describe("a key that does not say what it is for", () => {
  const meant: readonly [VerifyAlgorithm, readonly VerifyAlgorithm[]][] = [
    ["ES256", ["ES256"]],
    ["ES384", ["ES384"]],
    ["ES512", ["ES512"]],
    ["RS256", ["RS256"]],
    ["PS512", ["RS256"]],
    ["EdDSA", ["EdDSA", "Ed25519"]],
    ["ML-DSA-65", []],
  ];

  it.each(meant.filter(([made]) => MADE_ALGORITHMS.includes(made)))(
    "made for %s, is for %j",
    async (made, algs) => {
      const key = KEYS.find(({ alg }) => alg === made) as SampleKey;
      const { verifier } = await warmVerifier([{ ...key.jwk, alg: undefined }]);
      const accepted: VerifyAlgorithm[] = [];
      for (const alg of MADE_ALGORITHMS)
        if ((await verdictOf(verifier, signedAs(key, alg))) === "accepted") accepted.push(alg);
      expect(accepted).toEqual(algs);
    },
  );

  it("is for the one RSA algorithm that is accepted, if there is one only", async () => {
    const key = sampleRsaKey("PS256");
    const published = [{ ...key.jwk, alg: undefined }];
    const only = await warmVerifier(published, { algorithms: ["PS256", "ES256"] });
    expect(await verdictOf(only.verifier, signedAs(key, "PS256"))).toBe("accepted");
    expect(await verdictOf(only.verifier, signedAs(key, "RS256"))).toBe("alg_refused");
    const either = await warmVerifier(published, { algorithms: ["PS256", "PS384"] });
    expect(await verdictOf(either.verifier, signedAs(key, "PS256"))).toBe("kid_unknown");
  });
});

describe("two hundred tokens at once", () => {
  /** Of all algorithms and lengths; every second one has one bit of its signature or of its claims changed. */
  const tokens = Array.from({ length: 200 }, (_, index) => {
    const key = KEYS[index % KEYS.length] as SampleKey;
    const honest = sign(key, {}, { sub: `user-${index}`, x: "x".repeat((index * 37) % 3000) });
    const [header, payload, bytes] = honest.split(".") as [string, string, string];
    if (index % 2 === 0) return { token: honest, expected: "accepted" };
    if (index % 4 === 1) {
      const changed = Buffer.from(bytes, "base64url");
      changed[index % changed.length] = (changed[index % changed.length] as number) ^ 4;
      return { token: `${header}.${payload}.${encode(changed)}`, expected: "signature_invalid" };
    }
    const claims = Buffer.from(payload, "base64url").toString().replace(`user-${index}`, `USER-${index}`);
    return { token: `${header}.${encode(claims)}.${bytes}`, expected: "signature_invalid" };
  });

  it.each([false, {}] as const)("each get the verdict that is theirs, tokenCache %j", async (tokenCache) => {
    const { verifier } = await warmVerifier(PUBLISHED, { tokenCache });
    for (let round = 0; round < 3; round++) {
      // Checks at once come between those that are under way, and write to the same memory.
      const awaited = tokens.map(({ token }) => verdictOf(verifier, token));
      const atOnce = CHECKS_AT_ONCE ? tokens.map(({ token }) => verdictSyncOf(verifier, token)) : null;
      const expected = tokens.map((one) => one.expected);
      expect(await Promise.all(awaited)).toEqual(expected);
      expect(atOnce ?? expected).toEqual(expected);
    }
  });

  it("each get the claims that are theirs", async () => {
    const { verifier } = await warmVerifier(PUBLISHED);
    const results = await Promise.all(
      tokens.map(({ token }) =>
        verifier.verify(token).then(
          ({ claims }) => claims.sub,
          () => null,
        ),
      ),
    );
    expect(results).toEqual(
      tokens.map((one, index) => (one.expected === "accepted" ? `user-${index}` : null)),
    );
  });
});
