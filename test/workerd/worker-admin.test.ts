/** The admin API through the Worker, from the one token that a deployment begins with. */
import { describe, expect, it } from "vitest";
import { bearer, deployment, JWKS } from "./worker-isolate.ts";

const ADMIN = bearer("KEYTURN_ADMIN_TOKEN");

describe("without KEYTURN_ADMIN_TOKEN", () => {
  it("there is nothing at its paths, and nobody reaches the object by them", async () => {
    const place = await deployment({ KEYTURN_ADMIN_TOKEN: undefined });
    const isolate = place.isolate();
    const unknown = await (await isolate.ask("/nothing-here")).text();
    const asked = place.asked.length;
    for (const path of ["/v1/ring", "/v1/audit", "/openapi.json", "/metrics", "/v1/api-tokens"]) {
      const answer = await isolate.ask(path, { headers: ADMIN });
      expect([answer.status, await answer.text()]).toEqual([404, unknown]);
    }
    expect((await isolate.command("/v1/ring/rotate")).status).toBe(404);
    expect((await isolate.command("/v1/keys/x/revoke", { reason: "test" })).status).toBe(404);
    expect(place.asked.length).toBe(asked);
  });

  it("holders of API tokens still read and rotate their own", async () => {
    const place = await deployment();
    const { body } = await place.isolate().command("/v1/api-tokens", { name: "billing", role: "signer" });
    const open = { ...place.environment };
    Reflect.deleteProperty(open, "KEYTURN_ADMIN_TOKEN");
    const isolate = place.isolate(undefined, open);
    const own = { Authorization: `Bearer ${body.token}` };
    expect((await isolate.ask("/v1/api-tokens/self", { headers: own })).status).toBe(200);
    const rotated = await isolate.command(`/v1/api-tokens/${body.apiToken.id}/rotate`, {}, own);
    expect(rotated.status).toBe(200);
    expect((await isolate.sign(rotated.body.token)).status).toBe(200);
  });
});

describe("with it", () => {
  it("a deployment begins: an operator's token, a rotation by it, the status", async () => {
    const place = await deployment();
    const isolate = place.isolate();
    const { status, body } = await isolate.command("/v1/api-tokens", { name: "alice", role: "operator" });
    expect(status).toBe(201);
    const alice = { Authorization: `Bearer ${body.token}` };
    const rotated = await isolate.command("/v1/ring/rotate", { reason: "begins" }, alice);
    expect(rotated).toMatchObject({ status: 200, body: { rotation: "scheduled" } });
    const far = place.isolate();
    const ring = await far.ask("/v1/ring", { headers: alice });
    expect(await ring.json()).toMatchObject({ rotateRequestedAt: expect.any(Number), blocked: null });
    const audit = await far.ask("/v1/audit", { headers: ADMIN });
    expect(await audit.text()).toContain(`"actor":"alice (${body.apiToken.id})"`);
    expect((await far.ask("/openapi.json", { headers: alice })).status).toBe(200);
  });

  it("a command for another generation is refused, and one that is repeated is answered as before", async () => {
    const isolate = (await deployment()).isolate();
    const ring = await isolate.ask("/v1/ring", { headers: ADMIN });
    const ifMatch = ring.headers.get("ETag") ?? "";
    const headers = { "If-Match": ifMatch, "Idempotency-Key": "one-of-these" };
    const [first, again] = [await pause(headers), await pause(headers)];
    expect([first.status, again.status]).toEqual([200, 200]);
    expect(again.headers.get("Idempotency-Replayed")).toBe("true");
    expect(await again.json()).toEqual(await first.json());
    expect((await pause({ "If-Match": ifMatch })).status).toBe(412);
    expect((await pause({})).status).toBe(428);

    function pause(more: Record<string, string>): Promise<Response> {
      return isolate.ask("/v1/ring/pause", { method: "POST", headers: { ...ADMIN, ...more } });
    }
  });

  it("pages of other sites are turned away", async () => {
    const isolate = (await deployment()).isolate();
    const from = async (origin: string) =>
      (await isolate.ask("/v1/ring", { headers: { ...ADMIN, Origin: origin } })).status;
    expect([await from("https://evil.example"), await from("null")]).toEqual([403, 403]);
    expect(await from("https://auth.example.com")).toBe(200);
  });

  it("a body that is too large is refused, though nobody in front has read it", async () => {
    const isolate = (await deployment()).isolate();
    const reason = "x".repeat(2 ** 22);
    expect(await isolate.command("/v1/ring/rotate", { reason })).toMatchObject({ status: 413 });
  });

  it("a command takes the JWKS out of the cache beside it", async () => {
    const place = await deployment();
    const isolate = place.isolate();
    const before = (await isolate.ask(JWKS)).headers.get("ETag");
    await isolate.command("/v1/ring/pause");
    const after = await place.isolate().ask(JWKS);
    expect(after.headers.get("Age")).toBeNull();
    expect(after.headers.get("ETag")).not.toBe(before);
  });
});
