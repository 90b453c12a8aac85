import { describe, expect, it } from "vitest";
import { claimsRefusal, type Expectations, validBetween } from "../../src/verifier/claims.ts";
import type { Claims, Header } from "../../src/verifier/parse.ts";
import { AUDIENCE, ISSUER, NOW, sampleClaims } from "./sample-issuer.ts";

const EXPECTED: Expectations = {
  issuer: ISSUER,
  audience: [AUDIENCE],
  typ: null,
  leewaySeconds: 30,
  maxLifetimeSeconds: null,
};

function refusal(claims: object, expected: Partial<Expectations> = {}, header: object = {}, now = NOW) {
  const token = {
    header: { alg: "ES256", ...header } as Header,
    claims: sampleClaims({ ...claims }) as Claims,
  };
  return claimsRefusal(token, { ...EXPECTED, ...expected }, now);
}

describe("what is as expected", () => {
  it.each<[string, object, Partial<Expectations>?, object?]>([
    ["an audience among others", { aud: ["billing", AUDIENCE] }],
    ["any of several audiences", { aud: "billing" }, { audience: [AUDIENCE, "billing"] }],
    ["some of several, of several", { aud: ["x", "billing"] }, { audience: [AUDIENCE, "billing"] }],
    ["no audience, where none is asked for", { aud: undefined }, { audience: null }],
    ["any issuer, where none is asked for", { iss: "https://other.example" }, { issuer: null }],
    ["no issuer, where none is asked for", { iss: undefined }, { issuer: null }],
    ["no iat and no nbf", { iat: undefined }],
    ["no typ", {}, {}, {}],
    ["typ JWT", {}, {}, { typ: "JWT" }],
    ["typ jwt", {}, {}, { typ: "jwt" }],
    ["typ application/jwt", {}, {}, { typ: "application/JWT" }],
    ["typ at+jwt", {}, {}, { typ: "at+jwt" }],
    ["typ at+jwt as a media type", {}, { typ: ["at+jwt"] }, { typ: "application/at+jwt" }],
    ["typ at+jwt in capitals", {}, { typ: ["at+jwt"] }, { typ: "AT+JWT" }],
    ["a typ of its own", {}, { typ: ["logout+jwt", "x+jwt"] }, { typ: "x+jwt" }],
    ["as long a lifetime as may be", { iat: NOW, exp: NOW + 600 }, { maxLifetimeSeconds: 600 }],
  ])("%s", (_, claims, expected, header) => {
    expect(refusal(claims, expected, header)).toBeNull();
  });
});

describe("to the second", () => {
  const edges: readonly [claim: string, offset: number, accepted: readonly [boolean, boolean, boolean]][] = [
    // A second before the edge, on it, a second after.
    ["exp", 30, [true, false, false]],
    ["nbf", -30, [false, true, true]],
    ["iat", -30, [false, true, true]],
  ];

  it.each(edges)("%s holds with the leeway", (claim, offset, accepted) => {
    const claims = { iat: undefined, exp: NOW + 9999, [claim]: NOW };
    const verdicts = [-1, 0, 1].map((second) => refusal(claims, {}, {}, NOW + offset + second) === null);
    expect(verdicts).toEqual(accepted);
  });

  it.each(edges)("%s holds without a leeway", (claim, _, accepted) => {
    const claims = { iat: undefined, exp: NOW + 9999, [claim]: NOW };
    const verdicts = [-1, 0, 1].map(
      (second) => refusal(claims, { leewaySeconds: 0 }, {}, NOW + second) === null,
    );
    expect(verdicts).toEqual(accepted);
  });

  it("the leeway is not added to the lifetime that is allowed", () => {
    expect(refusal({ iat: NOW, exp: NOW + 601 }, { maxLifetimeSeconds: 600 })).toBe("lifetime_too_long");
    expect(refusal({ iat: NOW, exp: NOW + 600.5 }, { maxLifetimeSeconds: 600 })).toBe("lifetime_too_long");
  });
});

describe("of several things that are wrong", () => {
  const wrong = {
    iss: "https://other.example",
    aud: "billing",
    exp: NOW - 9999,
    nbf: NOW + 9999,
    iat: NOW + 9999,
  };

  it("the first is named: kind, issuer, audience, then time", () => {
    const mended: object[] = [
      { iss: ISSUER },
      { aud: AUDIENCE },
      { exp: NOW + 999_999 },
      { nbf: NOW },
      { iat: NOW },
    ];
    const named = mended.map((_, count) => refusal(Object.assign({}, wrong, ...mended.slice(0, count))));
    expect(refusal(wrong, {}, { typ: "x" })).toBe("typ_refused");
    expect(named).toEqual([
      "issuer_refused",
      "audience_refused",
      "expired",
      "not_yet_valid",
      "issued_in_future",
    ]);
    expect(refusal(Object.assign({}, wrong, ...mended))).toBeNull();
  });
});

describe("the time in which nothing needs to be judged anew", () => {
  it.each<[string, Claims]>([
    ["all three", { exp: NOW + 100, nbf: NOW - 5, iat: NOW - 50 }],
    ["iat after nbf", { exp: NOW + 100, nbf: NOW - 50, iat: NOW - 5 }],
    ["exp alone", { exp: NOW + 100 }],
    ["fractions", { exp: NOW + 100.5, nbf: NOW - 5.5 }],
  ])("is the time in which a token is accepted: %s", (_, claims) => {
    const [from, until] = validBetween(claims, 30);
    for (let now = NOW - 200; now < NOW + 200; now++) {
      const accepted = refusal({ iat: undefined, ...claims }, {}, {}, now) === null;
      expect([now, now >= from && now < until]).toEqual([now, accepted]);
    }
  });
});
