import { decodeJwt } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { START } from "../manager/manual-clock.ts";
import { API_TOKEN, ask, expectProblem, type Issuer, openIssuer } from "./served.ts";

let issuer: Issuer;
let url: string;
beforeEach(async () => {
  issuer = await openIssuer();
  url = await issuer.listen();
});

const post = (body: unknown) =>
  ask(url, {
    method: "POST",
    path: "/v1/tokens/batch",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${API_TOKEN}` },
    body: JSON.stringify(body),
  });

describe("several tokens in one request", () => {
  it("come in the order in which they were asked for, each with its own lifetime", async () => {
    const tokens = Array.from({ length: 100 }, (_, i) => ({
      claims: { sub: `user-${i}` },
      ...(i % 2 === 0 ? {} : { expiresInSeconds: 100 + i }),
    }));
    const answer = await post({ tokens });
    expect(answer.status).toBe(200);
    expect(answer.headers["cache-control"]).toBe("no-store");
    const signed: { token: string; kid: string; expiresAt: number }[] = JSON.parse(answer.body).tokens;
    expect(signed.map(({ token }) => decodeJwt(token).sub)).toEqual(tokens.map(({ claims }) => claims.sub));
    expect(signed.map(({ expiresAt }) => expiresAt - START)).toEqual(
      tokens.map(({ expiresInSeconds }) => expiresInSeconds ?? 900),
    );
    expect(new Set(signed.map(({ token }) => decodeJwt(token).jti)).size).toBe(100);
    const kid = issuer.keys.status().emitter;
    expect(issuer.told).toEqual(tokens.map(() => ({ type: "token_signed", kid })));
  });

  it("may be a quarter of a megabyte, where one may be 16 KiB", async () => {
    const claims = { x: "x".repeat(8000) };
    expect((await post({ tokens: Array.from({ length: 30 }, () => ({ claims })) })).status).toBe(200);
    const tooMany = Array.from({ length: 40 }, () => ({ claims }));
    expectProblem(await post({ tokens: tooMany }), 413, "body_too_large");
  });

  const refused: readonly [string, unknown, number, string, string][] = [
    ["are none", { tokens: [] }, 422, "fields_invalid", "/tokens"],
    [
      "are more than 100",
      { tokens: Array.from({ length: 101 }, () => ({ claims: {} })) },
      422,
      "fields_invalid",
      "/tokens",
    ],
    ["are no list", { tokens: { claims: {} } }, 422, "fields_invalid", "/tokens"],
    ["lack claims", { tokens: [{ claims: {} }, {}] }, 422, "fields_invalid", "/tokens/1/claims"],
    [
      "have a member too many",
      { tokens: [{ claims: {}, force: 1 }] },
      422,
      "fields_invalid",
      "/tokens/0/force",
    ],
    [
      "hold claims of the signer",
      { tokens: [{ claims: {} }, { claims: { iss: "x" } }] },
      422,
      "claims_invalid",
      "/tokens/1",
    ],
    [
      "live too long",
      { tokens: [{ claims: {}, expiresInSeconds: 901 }] },
      422,
      "lifetime_too_long",
      "/tokens/0",
    ],
  ];
  for (const [what, body, status, code, at] of refused) {
    it(`are refused together when they ${what}, and the answer says which`, async () => {
      const { problems } = expectProblem(await post(body), status, code);
      expect(problems).toMatchObject([{ at }]);
      expect(issuer.told).toEqual([{ type: "token_refused", kid: issuer.keys.status().emitter, code }]);
    });
  }

  it("need the API token as one does", async () => {
    const answer = await ask(url, { method: "POST", path: "/v1/tokens/batch", body: "{}" });
    expectProblem(answer, 401, "unauthenticated");
  });
});
