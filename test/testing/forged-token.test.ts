import { decodeJwt, decodeProtectedHeader } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { createTestIssuer, FORGERIES, type Forgery, type TestIssuer } from "../../src/testing/index.ts";
import { AUDIENCE, watchingVerifier } from "./watching-verifier.ts";

const REFUSED_AS: Readonly<Record<Forgery, string>> = {
  expired: "expired",
  notYetValid: "not_yet_valid",
  issuedInFuture: "issued_in_future",
  withoutExpiry: "exp_missing",
  wrongIssuer: "issuer_refused",
  wrongAudience: "audience_refused",
  wrongType: "typ_refused",
  tampered: "signature_invalid",
  otherKey: "signature_invalid",
  unknownKid: "kid_unknown",
  embeddedKey: "header_refused",
  unsigned: "alg_refused",
  hmacWithPublicKey: "alg_refused",
};

const claims = { sub: "user-1", aud: AUDIENCE };

let issuer: TestIssuer;

beforeAll(async () => {
  issuer = await createTestIssuer();
});

describe("a forged token", () => {
  it.each(FORGERIES)("%s is refused, for that very reason", async (forgery) => {
    const token = await issuer.forge[forgery](claims);
    expect(await watchingVerifier(issuer).verdict(token)).toBe(REFUSED_AS[forgery]);
  });

  it.each(FORGERIES)("%s has the caller's claims, and no others by chance", async (forgery) => {
    const token = await issuer.forge[forgery]({ ...claims, role: "admin" });
    const { aud, sub, role } = decodeJwt(token);
    expect(role).toBe("admin");
    expect(aud).toBe(forgery === "wrongAudience" ? "nobody" : AUDIENCE);
    expect(sub).toBe(forgery === "tampered" ? "somebody else" : "user-1");
  });

  it.each(["ES256", "ES512", "RS256", "PS256", "EdDSA", "ML-DSA-44"] as const)(
    "can be made of an issuer of %s",
    async (alg) => {
      const other = await createTestIssuer({ policy: { alg } });
      for (const forgery of FORGERIES) {
        const token = await other.forge[forgery](claims);
        expect(await watchingVerifier(other).verdict(token), forgery).toBe(REFUSED_AS[forgery]);
      }
    },
  );

  it("under the kid of the right key is by a stranger's all the same", async () => {
    expect(decodeProtectedHeader(await issuer.forge.otherKey(claims)).kid).toBe(issuer.kid);
    expect(decodeProtectedHeader(await issuer.forge.unknownKid(claims)).kid).not.toBe(issuer.kid);
  });

  it("follows the issuer through a turnover", async () => {
    const other = await createTestIssuer();
    await other.rotate();
    for (const forgery of FORGERIES)
      expect(await watchingVerifier(other).verdict(await other.forge[forgery](claims)), forgery).toBe(
        REFUSED_AS[forgery],
      );
  });
});

describe("the HMAC by the public key", () => {
  it("is one that a library would fall for which took the PEM for a secret", async () => {
    const { createHmac, createPublicKey } = await import("node:crypto");
    const token = await issuer.forge.hmacWithPublicKey(claims);
    const jwk = issuer.keys.jwks().keys.find(({ kid }) => kid === issuer.kid);
    const pem = createPublicKey({ key: jwk as never, format: "jwk" }).export({ format: "pem", type: "spki" });
    const [header, payload, signature] = token.split(".");
    expect(createHmac("sha256", pem).update(`${header}.${payload}`).digest("base64url")).toBe(signature);
  });
});

describe("an unchecked signature", () => {
  it("is the emitter's over any claims and header", async () => {
    const now = issuer.clock.now();
    const own = { iss: issuer.issuer, aud: [AUDIENCE, "others"], exp: now + 86_400 };
    const token = await issuer.signUnchecked(own, { typ: "at+jwt" });
    expect(decodeJwt(token)).toEqual(own);
    expect(await watchingVerifier(issuer).verdict(token)).toBe("accepted");
    const limited = watchingVerifier(issuer, { maxLifetimeSeconds: 3600 });
    expect(await limited.verdict(token)).toBe("iat_missing");
    const critical = await issuer.signUnchecked(own, { crit: ["exp"], exp: now });
    expect(await watchingVerifier(issuer).verdict(critical)).toBe("header_refused");
  });
});
