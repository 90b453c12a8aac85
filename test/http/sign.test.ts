import type { OutgoingHttpHeaders } from "node:http";
import { createLocalJWKSet, decodeJwt, jwtVerify } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { ISSUER } from "../manager/fleet.ts";
import { START } from "../manager/manual-clock.ts";
import { API_TOKEN, ask, expectProblem, type Issuer, openIssuer } from "./served.ts";

let issuer: Issuer;
let url: string;
beforeEach(async () => {
  issuer = await openIssuer();
  url = await issuer.listen();
});

const PATH = "/v1/tokens";
const BODY = '{"claims":{"sub":"user-1","aud":"orders"},"expiresInSeconds":300}';
const JSON_TYPE = { "Content-Type": "application/json" };
const AUTHORIZED = { ...JSON_TYPE, Authorization: `Bearer ${API_TOKEN}` };

const post = (headers: OutgoingHttpHeaders, body: string | string[] = BODY, path = PATH) =>
  ask(url, { method: "POST", path, headers, body });

describe("a request with the API token", () => {
  it("gets a JWT that verifies through the JWKS, its kid and its expiry, kept by nobody", async () => {
    const answer = await post(AUTHORIZED);
    expect(answer.status).toBe(200);
    expect(answer.headers["cache-control"]).toBe("no-store");
    expect(answer.headers["content-type"]).toBe("application/json");
    const { token, kid, expiresAt, ...more } = JSON.parse(answer.body);
    expect({ kid, expiresAt, more }).toEqual({
      kid: issuer.keys.status().emitter,
      expiresAt: START + 300,
      more: {},
    });
    const jwks = createLocalJWKSet(JSON.parse(JSON.stringify(issuer.keys.jwks())));
    const currentDate = new Date(START * 1000);
    const { payload } = await jwtVerify(token, jwks, { issuer: ISSUER, audience: "orders", currentDate });
    expect(payload).toMatchObject({ sub: "user-1", iat: START, exp: START + 300 });
    expect(issuer.told).toEqual([{ type: "token_signed", kid }]);
  });

  it("gets the policy's lifetime when it asks for none", async () => {
    const { token, expiresAt } = JSON.parse((await post(AUTHORIZED, '{"claims":{}}')).body);
    expect(expiresAt).toBe(START + 900);
    expect(decodeJwt(token).exp).toBe(START + 900);
  });

  const spellings: readonly [string, OutgoingHttpHeaders][] = [
    ["bearer in lower case (RFC 9110 section 11.1)", { Authorization: `bearer ${API_TOKEN}` }],
    ["BEARER in upper case", { Authorization: `BEARER ${API_TOKEN}` }],
    ["several spaces", { Authorization: `Bearer   ${API_TOKEN}` }],
    ["the header's name in lower case", { authorization: `Bearer ${API_TOKEN}` }],
    [
      "a charset",
      { Authorization: `Bearer ${API_TOKEN}`, "Content-Type": "application/json; charset=utf-8" },
    ],
    [
      "another case of the type",
      { Authorization: `Bearer ${API_TOKEN}`, "Content-Type": "Application/JSON" },
    ],
  ];
  for (const [what, headers] of spellings) {
    it(`may be written with ${what}`, async () => {
      expect((await post({ ...JSON_TYPE, ...headers })).status).toBe(200);
    });
  }

  it("may send its body in chunks, without a length", async () => {
    expect((await post({ ...AUTHORIZED, "Transfer-Encoding": "chunked" }, [...BODY])).status).toBe(200);
  });
});

describe("a request without the API token", () => {
  const headers: readonly [string, OutgoingHttpHeaders][] = [
    ["has no Authorization", {}],
    ["has an empty one", { Authorization: "" }],
    ["has only the scheme", { Authorization: "Bearer" }],
    ["has only the scheme and a space", { Authorization: "Bearer " }],
    ["has only the token", { Authorization: API_TOKEN }],
    [
      "has another scheme",
      { Authorization: `Basic ${Buffer.from(`keyturn:${API_TOKEN}`).toString("base64")}` },
    ],
    ["has the token under another scheme", { Authorization: `Token ${API_TOKEN}` }],
    ["has a wrong token", { Authorization: `Bearer ${API_TOKEN.slice(0, -1)}0` }],
    ["has the token in quotes", { Authorization: `Bearer "${API_TOKEN}"` }],
    ["has something after the token", { Authorization: `Bearer ${API_TOKEN} x` }],
    ["has the token twice in one header", { Authorization: `Bearer ${API_TOKEN}, Bearer ${API_TOKEN}` }],
    [
      "has two Authorization headers, the first right",
      { Authorization: [`Bearer ${API_TOKEN}`, "Bearer x"] },
    ],
    ["has two Authorization headers, the last right", { Authorization: ["Bearer x", `Bearer ${API_TOKEN}`] }],
    ["has a very long token", { Authorization: `Bearer ${"A".repeat(8000)}` }],
    [
      "has the token in another header",
      { "X-Api-Key": API_TOKEN, "Proxy-Authorization": `Bearer ${API_TOKEN}` },
    ],
    ["has the token in a cookie", { Cookie: `token=${API_TOKEN}` }],
  ];
  for (const [what, given] of headers) {
    it(`is refused when it ${what}`, async () => {
      const answer = await post({ ...JSON_TYPE, ...given });
      expectProblem(answer, 401, "unauthenticated");
      expect(answer.headers["www-authenticate"]).toBe('Bearer realm="keyturn"');
      expect(issuer.told).toEqual([
        {
          type: "request_denied",
          action: "sign",
          caller: null,
          code: "unauthenticated",
          path: "/v1/tokens",
        },
      ]);
    });
  }

  it("is refused when the token stands in the URL", async () => {
    for (const query of [`access_token=${API_TOKEN}`, `x=1&x=${API_TOKEN}`, "api_key=x"]) {
      const answer = await post(AUTHORIZED, BODY, `${PATH}?${query}`);
      expectProblem(answer, 400, "token_in_query");
      expect(answer.body).not.toContain(API_TOKEN);
    }
  });

  it("is not told whether its body would do", async () => {
    expectProblem(await post({ "Content-Type": "text/plain" }, "no JSON"), 401, "unauthenticated");
  });
});

describe("the API token, and a wrong one,", () => {
  it("never come back in an answer, nor in what is told", async () => {
    const wrong = "keyturn_Wr0ngT0kenThatMustNotBeRepeatedAnywhere-9876543210";
    const answers = await Promise.all([
      post(AUTHORIZED),
      post(AUTHORIZED, "{"),
      post(AUTHORIZED, '{"claims":{"iss":"x"}}'),
      post({ ...AUTHORIZED, "Content-Type": "text/plain" }),
      post({ ...JSON_TYPE, Authorization: `Bearer ${wrong}` }),
      post({ ...JSON_TYPE, Authorization: wrong }),
      post(JSON_TYPE, BODY, `${PATH}?access_token=${wrong}`),
      post({ ...AUTHORIZED, Authorization: `Bearer ${wrong}` }, BODY, `/v1/${wrong}`),
    ]);
    const seen = JSON.stringify([answers, issuer.told, issuer.events]);
    expect(seen).not.toContain(API_TOKEN);
    expect(seen).not.toContain(wrong);
  });

  it("do not help each other: a refusal is no reason to refuse the next", async () => {
    for (let time = 0; time < 20; time++) await post({ ...JSON_TYPE, Authorization: "Bearer wrong" });
    expect((await post(AUTHORIZED)).status).toBe(200);
  });
});
