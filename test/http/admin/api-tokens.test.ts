import { decodeJwt } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { START } from "../../manager/manual-clock.ts";
import { expectProblem } from "../served.ts";
import { type ControlPlane, type Given, openControlPlane } from "./served.ts";

let plane: ControlPlane;
let security: Given;
beforeEach(async () => {
  plane = await openControlPlane();
  security = await plane.issue("security");
});

const post = (path: string, token: string, body?: unknown, headers = {}) =>
  plane.ask({ method: "POST", path, token, body, headers });
const get = async (path: string, token: string) => JSON.parse((await plane.ask({ path, token })).body);
const sign = (token: string, body: unknown = { claims: {} }) => post("/v1/tokens", token, body);

describe("an API token over HTTP", () => {
  it("is issued with its value in this one answer, and works", async () => {
    const order = { name: "checkout", role: "signer", expiresInSeconds: 3600 };
    const answer = await post("/v1/api-tokens", security.token, order);
    expect(answer.status).toBe(201);
    expect(answer.headers["cache-control"]).toBe("no-store");
    const { token, apiToken } = JSON.parse(answer.body);
    expect(token).toMatch(/^keyturn_[\w-]{49}$/);
    expect(apiToken).toMatchObject({
      name: "checkout",
      role: "signer",
      scope: null,
      phase: "valid",
      expiresAt: START + 3600,
      lastUsedAt: null,
    });
    expect((await sign(token)).status).toBe(200);
    const list = await plane.ask({ path: "/v1/api-tokens", token: security.token });
    expect(list.body).not.toContain(token);
    expect(list.body).not.toContain("hash");
    expect(JSON.parse(list.body).apiTokens).toContainEqual({ ...apiToken, lastUsedAt: START });
    expect(JSON.stringify([plane.told, plane.events])).not.toContain(token);
  });

  const wrong: readonly [string, unknown, string][] = [
    ["no name", { role: "signer" }, "/name"],
    ["a name that is no line", { name: "a\nb", role: "signer" }, "/name"],
    ["no such role", { name: "a", role: "root" }, "/role"],
    ["an expiry as text", { name: "a", role: "signer", expiresInSeconds: "60" }, "/expiresInSeconds"],
    ["an unknown member", { name: "a", role: "signer", id: "t_1" }, "/id"],
    [
      "an operator's scope",
      { name: "a", role: "operator", scope: { audiences: ["x"], claims: null } },
      "/scope",
    ],
    ["a scope of nothing", { name: "a", role: "signer", scope: {} }, "/scope"],
    ["a mistyped scope", { name: "a", role: "signer", scope: { audience: ["x"] } }, "/scope/audience"],
  ];
  for (const [what, order, at] of wrong) {
    it(`is not issued with ${what}`, async () => {
      const { problems } = expectProblem(
        await post("/v1/api-tokens", security.token, order),
        422,
        "fields_invalid",
      );
      expect(problems.map((problem: { at: string }) => problem.at)).toContain(at);
      expect(plane.apiTokens.list()).toHaveLength(1);
    });
  }

  it("tells its holder what it is, and how long it is good", async () => {
    const signer = await plane.issue("signer", { audiences: ["orders"], claims: null });
    expect(await get("/v1/api-tokens/self", signer.token)).toEqual({
      id: signer.id,
      name: "the signer",
      role: "signer",
      scope: { audiences: ["orders"], claims: null },
      expiresAt: START + 7_776_000,
      successor: null,
      overlapUntil: null,
    });
  });

  it("rotates itself: both are good in the overlap, and asking again names the same successor", async () => {
    const signer = await plane.issue("signer");
    const path = `/v1/api-tokens/${signer.id}/rotate`;
    const first = JSON.parse((await post(path, signer.token)).body);
    expect(first).toMatchObject({ changed: true, overlapUntil: START + 600, apiToken: { role: "signer" } });
    const again = JSON.parse((await post(path, signer.token, {})).body);
    expect(again).toEqual({ ...first, changed: false });
    expect(await get("/v1/api-tokens/self", signer.token)).toMatchObject({
      successor: first.apiToken.id,
      overlapUntil: START + 600,
    });
    for (const token of [signer.token, first.token]) expect((await sign(token)).status).toBe(200);
    plane.clock.advance(600 + 30);
    expectProblem(await sign(signer.token), 401, "unauthenticated");
    await plane.keys.refresh();
    expect((await sign(first.token)).status).toBe(200);
  });

  it("is rotated by those who give tokens out, with an overlap of 5 to 15 minutes", async () => {
    const signer = await plane.issue("signer");
    const path = `/v1/api-tokens/${signer.id}/rotate`;
    for (const overlapSeconds of [299, 901, 0, "600"]) {
      const answer = await post(path, security.token, { overlapSeconds });
      expectProblem(answer, 422, "fields_invalid");
    }
    const rotated = JSON.parse((await post(path, security.token, { overlapSeconds: 300 })).body);
    expect(rotated.overlapUntil).toBe(START + 300);
  });

  it("cannot rotate another's, and does not learn whether there is one", async () => {
    const [signer, other] = [await plane.issue("signer"), await plane.issue("signer")];
    for (const id of [other.id, "t_AAAAAAAAAAAAAAAA"]) {
      expectProblem(await post(`/v1/api-tokens/${id}/rotate`, signer.token), 403, "forbidden");
    }
    expect(plane.apiTokens.list().every(({ successor }) => successor === null)).toBe(true);
  });

  it("is revoked at once, and says who of its line is still good", async () => {
    const signer = await plane.issue("signer");
    const { apiToken } = JSON.parse((await post(`/v1/api-tokens/${signer.id}/rotate`, signer.token)).body);
    const revoke = (body: unknown) => post(`/v1/api-tokens/${signer.id}/revoke`, security.token, body);
    expectProblem(await revoke({}), 422, "fields_invalid");
    expectProblem(await revoke({ reason: "a\nb" }), 422, "reason_invalid");
    expect((await sign(signer.token)).status).toBe(200);
    expect(JSON.parse((await revoke({ reason: "lost" })).body)).toEqual({
      changed: true,
      stillGood: [apiToken.id],
    });
    expectProblem(await sign(signer.token), 401, "unauthenticated");
    expect(JSON.parse((await revoke({ reason: "lost", line: true })).body).stillGood).toEqual([]);
    const view = plane.apiTokens.list().find(({ id }) => id === signer.id);
    expect(view).toMatchObject({ phase: "revoked", revokedBecause: "lost" });
  });

  it("that nobody knows is not found by those who give tokens out", async () => {
    const path = "/v1/api-tokens/t_AAAAAAAAAAAAAAAA";
    expectProblem(await post(`${path}/rotate`, security.token), 404, "api_token_unknown");
    expectProblem(await post(`${path}/revoke`, security.token, { reason: "lost" }), 404, "api_token_unknown");
    expectProblem(await post("/v1/api-tokens/a%20b/rotate", security.token), 400, "request_invalid");
  });
});

describe("on the public app alone", () => {
  const local = (path: string, token: string, method = "GET") =>
    plane.app.request(path, { method, headers: { Authorization: `Bearer ${token}` } });

  it("a token sees and rotates itself, and nothing else of API tokens is there", async () => {
    const signer = await plane.issue("signer");
    expect((await local("/v1/api-tokens/self", signer.token)).status).toBe(200);
    expect((await local(`/v1/api-tokens/${signer.id}/rotate`, signer.token, "POST")).status).toBe(200);
    // Nor does an administrator's token reach another's, where everybody can knock.
    const other = await plane.issue("signer");
    expect((await local(`/v1/api-tokens/${other.id}/rotate`, security.token, "POST")).status).toBe(403);
    expect(plane.told).toContainEqual(expect.objectContaining({ code: "forbidden", caller: security.id }));
    for (const [path, method] of [
      ["/v1/api-tokens", "GET"],
      ["/v1/api-tokens", "POST"],
      [`/v1/api-tokens/${signer.id}/revoke`, "POST"],
      ["/v1/ring", "GET"],
      ["/v1/ring/rotate", "POST"],
      ["/v1/audit", "GET"],
      ["/openapi.json", "GET"],
    ] as const) {
      expect((await local(path, security.token, method)).status, path).toBe(404);
    }
  });
});

describe("a signer's scope", () => {
  const scope = { audiences: ["orders", "stock"], claims: { tenant: "acme", level: 2 } };
  const within = { aud: "orders", tenant: "acme", level: 2, sub: "user-1" };

  it("lets through what is within it", async () => {
    const { token } = await plane.issue("signer", scope);
    for (const aud of ["orders", ["orders", "stock"]]) {
      const answer = await sign(token, { claims: { ...within, aud } });
      expect(decodeJwt(JSON.parse(answer.body).token)).toMatchObject({ tenant: "acme", aud });
    }
  });

  for (const [what, claims] of [
    ["another audience", { ...within, aud: "billing" }],
    ["one audience too many", { ...within, aud: ["orders", "billing"] }],
    ["no audience", { ...within, aud: undefined }],
    ["another tenant", { ...within, tenant: "evil" }],
    ["a claim of another type", { ...within, level: "2" }],
    ["a claim less", { ...within, level: undefined }],
  ] as const) {
    it(`refuses ${what}, alone and among others, and tells it`, async () => {
      const { token, id } = await plane.issue("signer", scope);
      plane.told.length = 0;
      const answer = await sign(token, { claims });
      expectProblem(answer, 403, "scope_exceeded");
      expect(answer.body).not.toMatch(/billing|evil/);
      expect(plane.told).toEqual([
        { type: "request_denied", action: "sign", caller: id, code: "scope_exceeded", path: "/v1/tokens" },
        { type: "token_refused", kid: plane.keys.status().emitter, code: "scope_exceeded" },
      ]);
      const batch = await post("/v1/tokens/batch", token, { tokens: [{ claims: within }, { claims }] });
      const { problems } = expectProblem(batch, 403, "scope_exceeded");
      expect(problems.every(({ at }: { at: string }) => at.startsWith("/tokens/1/"))).toBe(true);
    });
  }
});
