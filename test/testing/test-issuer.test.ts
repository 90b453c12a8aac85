import {
  base64url,
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  jwtVerify,
} from "jose";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { createTestIssuer, movableClock, type TestIssuer } from "../../src/testing/index.ts";
import { AUDIENCE, watchingVerifier } from "./watching-verifier.ts";

const START = 1_800_000_000;

const claims = { sub: "user-1", aud: AUDIENCE };

describe("a test issuer", () => {
  it("signs what keyturn's verifier accepts", async () => {
    const issuer = await createTestIssuer({ clock: movableClock(START) });
    const { token } = await issuer.sign(claims, { expiresInSeconds: 300 });
    const { claims: seen, kid } = await watchingVerifier(issuer).verify(token);
    expect(seen).toMatchObject({ ...claims, iss: "https://auth.test", iat: START, exp: START + 300 });
    expect(kid).toBe(issuer.kid);
  });

  it.each(["ES256", "EdDSA", "RS256"] as const)("signs %s where the policy says so", async (alg) => {
    const issuer = await createTestIssuer({ policy: { alg } });
    const { token } = await issuer.sign(claims);
    expect(decodeProtectedHeader(token)).toMatchObject({ alg, typ: "JWT", kid: issuer.kid });
    expect(await watchingVerifier(issuer).verdict(token)).toBe("accepted");
  });

  it("makes RSA keys of 2048 bits unless it is told otherwise", async () => {
    const bitsOf = async (policy: { rsaBits?: 3072 }) => {
      const issuer = await createTestIssuer({ policy: { alg: "RS256", standby: false, ...policy } });
      const [key] = issuer.keys.jwks().keys;
      return base64url.decode(key?.kty === "RSA" ? key.n : "").length * 8;
    };
    expect(await bitsOf({})).toBe(2048);
    expect(await bitsOf({ rsaBits: 3072 })).toBe(3072);
  });

  it("writes the typ that it is told", async () => {
    const issuer = await createTestIssuer({ tokenTyp: "at+jwt" });
    expect(decodeProtectedHeader((await issuer.sign(claims)).token).typ).toBe("at+jwt");
  });

  it("keeps claims and policy as the manager does", async () => {
    const issuer = await createTestIssuer();
    await expect(issuer.sign({ iss: "me" })).rejects.toMatchObject({ code: "claims_invalid" });
    await expect(issuer.sign({}, { expiresInSeconds: 901 })).rejects.toMatchObject({
      code: "lifetime_too_long",
    });
    await expect(createTestIssuer({ policy: { jwksCacheSeconds: 1 } })).rejects.toMatchObject({
      code: "policy_invalid",
    });
    await expect(createTestIssuer({ issuer: "http://auth.test" })).rejects.toMatchObject({
      code: "config_invalid",
    });
  });

  it("works below a path", async () => {
    const issuer = await createTestIssuer({ issuer: "https://auth.test/tenant/" });
    expect(issuer.jwksUrl).toBe("https://auth.test/tenant/.well-known/jwks.json");
    expect(await watchingVerifier(issuer).verdict((await issuer.sign(claims)).token)).toBe("accepted");
  });

  it("keeps two issuers on one clock apart", async () => {
    const clock = movableClock(START);
    const one = await createTestIssuer({ clock });
    const other = await createTestIssuer({ clock, issuer: "https://other.test" });
    const { token } = await other.sign(claims);
    expect(await watchingVerifier(one).verdict(token)).toBe("kid_unknown");
    expect(await watchingVerifier(other).verdict(token)).toBe("accepted");
  });

  it("begins at the machine's time, for verifiers that know no other clock", async () => {
    const before = systemClock.now();
    const issuer = await createTestIssuer();
    const { iat } = decodeJwt((await issuer.sign(claims)).token);
    expect(iat).toBeGreaterThanOrEqual(before);
    expect(iat).toBeLessThanOrEqual(systemClock.now());
  });
});

describe("jose's remote JWKS", () => {
  function joseOf(issuer: TestIssuer) {
    const jwks = createRemoteJWKSet(new URL(issuer.jwksUrl), { [customFetch]: issuer.fetch });
    return (token: string) =>
      jwtVerify(token, jwks, {
        issuer: issuer.issuer,
        audience: AUDIENCE,
        currentDate: new Date(issuer.clock.now() * 1000),
      });
  }

  it("accepts its tokens", async () => {
    const issuer = await createTestIssuer({ clock: movableClock(START) });
    const { payload } = await joseOf(issuer)((await issuer.sign(claims)).token);
    expect(payload).toMatchObject(claims);
    expect(issuer.requests).toMatchObject([{ url: issuer.jwksUrl, status: 200 }]);
  });

  it("meets its outages", async () => {
    const issuer = await createTestIssuer();
    const verify = joseOf(issuer);
    const { token } = await issuer.sign(claims);
    issuer.fail({ status: 503 });
    await expect(verify(token)).rejects.toBeInstanceOf(errors.JOSEError);
    issuer.fail("network");
    await expect(verify(token)).rejects.toThrow("fetch failed");
    issuer.heal();
    expect((await verify(token)).payload.sub).toBe("user-1");
  });
});

describe("its fetch", () => {
  it("answers for its own URLs, by the app of every keyturn node", async () => {
    const issuer = await createTestIssuer();
    const response = await issuer.fetch(new Request(issuer.jwksUrl));
    expect(response.headers.get("Cache-Control")).toBe("public, max-age=530, must-revalidate");
    expect(await response.json()).toEqual(issuer.keys.jwks());
    const discovery = await issuer.fetch(`${issuer.issuer}/.well-known/openid-configuration`);
    expect(await discovery.json()).toMatchObject({ issuer: issuer.issuer, jwks_uri: issuer.jwksUrl });
    expect((await issuer.fetch(new URL("https://auth.test/elsewhere"))).status).toBe(404);
  });

  it.each([
    "https://elsewhere.test/.well-known/jwks.json",
    "https://auth.test.evil.test/",
    "http://auth.test/",
  ])("refuses to answer for %s", async (url) => {
    const issuer = await createTestIssuer();
    await expect(issuer.fetch(url)).rejects.toThrow(/answers for https:\/\/auth\.test\/ only, not for/);
    expect(issuer.requests).toEqual([]);
  });

  it("grants the whole max-age however far its clock was moved", async () => {
    const issuer = await createTestIssuer();
    issuer.clock.advance(600);
    const { headers } = await issuer.fetch(issuer.jwksUrl);
    expect(headers.get("Cache-Control")).toContain("max-age=530");
  });

  it("notes who asked for what, when, with which tag, and what came", async () => {
    const clock = movableClock(START);
    const issuer = await createTestIssuer({ clock });
    const verifier = watchingVerifier(issuer);
    await verifier.warm();
    clock.advance(600);
    await verifier.warm();
    issuer.fail("network");
    await issuer.fetch(issuer.jwksUrl, { method: "HEAD" }).catch(() => undefined);
    const [first] = issuer.requests;
    expect(first).toEqual({ method: "GET", url: issuer.jwksUrl, ifNoneMatch: null, at: START, status: 200 });
    const etag = expect.stringMatching(/^"[^"]+"$/);
    expect(issuer.requests.slice(1)).toEqual([
      { method: "GET", url: issuer.jwksUrl, ifNoneMatch: etag, at: START + 600, status: 304 },
      { method: "HEAD", url: issuer.jwksUrl, ifNoneMatch: null, at: START + 600, status: null },
    ]);
  });

  it("is aborted before it answers", async () => {
    const issuer = await createTestIssuer();
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await expect(issuer.fetch(issuer.jwksUrl, { signal })).rejects.toBe(reason);
    await expect(issuer.fetch(new Request(issuer.jwksUrl, { signal }))).rejects.toBe(reason);
  });
});

describe("its clock", () => {
  it("moves both hands, or the wall's alone", () => {
    const clock = movableClock(START);
    clock.advance(0.5);
    clock.advance(600);
    clock.stepWall(-60);
    expect(clock.now()).toBe(START + 540);
    expect(clock.monotonic()).toBe(600.5);
  });

  it("does not go back", () => {
    expect(() => movableClock().advance(-1)).toThrow(/stepWall/);
    expect(() => movableClock().advance(Number.NaN)).toThrow(RangeError);
  });

  it("shows an issuer whose wall clock is wrong to the verifier's", async () => {
    const clock = movableClock(START);
    const issuer = await createTestIssuer({ clock });
    const verifier = watchingVerifier(issuer);
    const { token } = await issuer.sign(claims);
    clock.stepWall(-60);
    expect(await verifier.verdict(token)).toBe("issued_in_future");
  });
});
