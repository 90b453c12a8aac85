/** Signing in isolates, each by a leased copy of the ring. */
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { KeyRingNamespace } from "../../src/cloudflare/platform.ts";
import { bearer, type Deployment, deployment, type Isolate, JWKS } from "./worker-isolate.ts";

let place: Deployment;
let isolate: Isolate;

beforeEach(async () => {
  place = await deployment();
  isolate = place.isolate();
});

const SIGN = {
  method: "POST",
  body: '{"claims":{}}',
  headers: { ...bearer("KEYTURN_API_TOKEN"), "Content-Type": "application/json" },
};

const seconds = (count: number) => place.clock.advance(count);

describe("a leased copy", () => {
  it("signs, and the JWKS of another isolate verifies it", async () => {
    const { status, body } = await isolate.sign();
    expect(status).toBe(200);
    const jwks: JSONWebKeySet = JSON.parse(await (await place.isolate().ask(JWKS)).text());
    const { payload } = await jwtVerify(body.token, createLocalJWKSet(jwks));
    expect(payload).toMatchObject({
      iss: "https://auth.example.com",
      sub: "user-1",
    });
    const asked = place.asked.length;
    await isolate.sign();
    expect(place.asked.length).toBe(asked);
  });

  it("signs a batch, and refuses what it refuses on Node", async () => {
    const batch = (tokens: object[]) =>
      isolate.ask("/v1/tokens/batch", {
        method: "POST",
        headers: {
          Authorization: `Bearer ${place.environment["KEYTURN_API_TOKEN"]}`,
          "Content-Type": "application/json",
        },
        body: JSON.stringify({ tokens }),
      });
    const signed = (await (await batch(Array(100).fill({ claims: { sub: "a" } }))).json()) as {
      tokens: object[];
    };
    expect(signed.tokens).toHaveLength(100);
    expect((await batch(Array(101).fill({ claims: {} }))).status).toBe(422);
    expect(await isolate.sign(undefined, { claims: { iss: "me" } })).toMatchObject({
      status: 422,
      body: { code: "claims_invalid" },
    });
  });

  it("is read anew in the background after half of refreshSeconds, which no answer waits for", async () => {
    await isolate.sign();
    const asked = place.asked.length;
    seconds(14);
    await isolate.sign();
    expect(place.asked.length).toBe(asked);
    seconds(1);
    place.line = "hangs";
    const begunAt = Date.now();
    expect((await isolate.glance("/readyz")).status).toBe(200);
    // A load that hangs is given up after 5 s.
    expect(Date.now() - begunAt).toBeLessThan(4000);
    expect(place.asked.slice(asked)).toEqual(["load ring", "load api-tokens"]);
  });

  it("is read anew by the request itself after half of the lease", async () => {
    const issued = await issue(isolate, { name: "billing", role: "signer" });
    const far = place.isolate();
    expect((await far.sign(issued.token)).status).toBe(200);
    await isolate.command(`/v1/api-tokens/${issued.id}/revoke`, { reason: "test" });
    expect((await far.sign(issued.token)).status).toBe(200);
    seconds(60);
    expect((await far.sign(issued.token)).status).toBe(401);
  });

  it("waits a moment for an object that hangs while it may still sign", async () => {
    await isolate.sign();
    place.line = "hangs";
    seconds(61);
    const begunAt = Date.now();
    const asking = ["/v1/tokens", "/.well-known/openid-configuration", "/livez"].map((path) =>
      isolate.glance(path, path === "/v1/tokens" ? SIGN : {}),
    );
    expect((await Promise.all(asking)).map(({ status }) => status)).toEqual([200, 200, 200]);
    // A load that hangs is given up after 5 s.
    expect(Date.now() - begunAt).toBeLessThan(4000);
  });

  it("signs while the object is down until the lease ends, and no longer", async () => {
    await isolate.sign();
    place.line = "down";
    seconds(119);
    expect((await isolate.sign()).status).toBe(200);
    seconds(2);
    expect(await isolate.sign()).toMatchObject({ status: 503, body: { code: "ring_stale" } });
    expect((await isolate.ask("/readyz")).status).toBe(503);
    place.line = "up";
    seconds(6);
    expect((await isolate.sign()).status).toBe(200);
  });

  it("does not sign with a key that was revoked, once its lease is over", async () => {
    const before = (await isolate.sign()).body.kid;
    const cutOff = place.isolate();
    await cutOff.sign();
    const { body } = await isolate.command(`/v1/keys/${before}/revoke`, { reason: "test", emergency: true });
    expect(body).toMatchObject({ changed: true, kid: before });
    expect((await isolate.sign()).body.kid).toBe(body.emitter);
    expect((await cutOff.sign()).body.kid).toBe(before);
    place.line = "down";
    seconds(121);
    expect((await cutOff.sign()).status).toBe(503);
    place.line = "up";
    seconds(6);
    expect((await cutOff.sign()).body.kid).toBe(body.emitter);
  });

  it("does not let a rotation emit before its hold, in any isolate", async () => {
    const before = (await isolate.sign()).body.kid;
    const { body } = await isolate.command("/v1/ring/rotate");
    expect(body.rotation).toBe("scheduled");
    for (const one of [isolate, place.isolate()]) {
      seconds(61);
      expect((await one.sign()).body.kid).toBe(before);
    }
  });
});

describe("an isolate", () => {
  it("does not go back to an older ring that a slower request has read", async () => {
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const slowOnce = firstLoadAfter(opened, place.environment.KEY_RING);
    const one = place.isolate(undefined, { ...place.environment, KEY_RING: slowOnce });
    const slow = one.glance("/readyz");
    await vi.waitFor(() => expect(place.asked).toContain("load ring"));
    const { kid } = (await isolate.sign()).body;
    await isolate.command(`/v1/keys/${kid}/revoke`, { reason: "test", emergency: true });
    expect((await one.sign()).body.kid).not.toBe(kid);
    open();
    expect((await slow).status).toBe(200);
    expect((await one.sign()).body.kid).not.toBe(kid);
  });
});

/** Objects whose first answer to a load is long under way. */
function firstLoadAfter(opened: Promise<void>, { getByName }: KeyRingNamespace): KeyRingNamespace {
  let isFirst = true;
  return {
    getByName(ring) {
      const stub = getByName(ring);
      return {
        ...stub,
        async load(at) {
          const wasFirst = isFirst;
          isFirst = false;
          const answer = await stub.load(at);
          if (wasFirst) await opened;
          return answer;
        },
      };
    },
  };
}

describe("an API token", () => {
  it("works at once in every isolate when it is newly issued, by way of the object", async () => {
    const far = place.isolate();
    await far.sign();
    const { token } = await issue(isolate, {
      name: "orders",
      role: "signer",
      scope: { audiences: ["orders"], claims: null },
    });
    const asked = place.asked.length;
    const order = { claims: { aud: "orders" } };
    expect((await far.sign(token, order)).status).toBe(200);
    expect(place.asked.slice(asked)).toEqual(["POST /v1/tokens"]);
    expect(await far.sign(token, { claims: { aud: "other" } })).toMatchObject({
      status: 403,
      body: { code: "scope_exceeded" },
    });
    seconds(60);
    await far.sign();
    const later = place.asked.length;
    expect((await far.sign(token, order)).status).toBe(200);
    expect((await far.sign(token, { claims: { aud: "other" } })).status).toBe(403);
    expect(place.asked.length).toBe(later);
  });

  it("does not reach the object when it is absent, malformed or no token at all", async () => {
    await isolate.sign();
    const asked = place.asked.length;
    for (const wrong of ["", "x", "keyturn_short", `keyturn_${"A".repeat(49)}`, "a b"])
      expect(await isolate.sign(wrong)).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
    const admin = String(place.environment["KEYTURN_ADMIN_TOKEN"]);
    expect(await isolate.sign(admin)).toMatchObject({ status: 403, body: { code: "forbidden" } });
    expect(place.asked.length).toBe(asked);
  });

  it("is seen in the list when isolates have used it, though telling failed at first", async () => {
    const { id, token } = await issue(isolate, { name: "billing", role: "signer" });
    const far = place.isolate();
    const usedAt = place.clock.now();
    await far.sign(token);
    for (const line of ["down", "up"] as const) {
      place.line = line;
      place.clock.advance(16);
      await far.ask("/livez");
    }
    const listed = await isolate.ask("/v1/api-tokens", {
      headers: { Authorization: `Bearer ${place.environment["KEYTURN_ADMIN_TOKEN"]}` },
    });
    const { apiTokens } = (await listed.json()) as { apiTokens: { id: string; lastUsedAt: number }[] };
    const seen = apiTokens.find((one) => one.id === id)?.lastUsedAt ?? 0;
    expect(seen).toBeGreaterThanOrEqual(usedAt);
    expect(place.asked.filter((what) => what === "seen")).toHaveLength(2);
  });
});

async function issue(by: Isolate, order: object): Promise<{ readonly id: string; readonly token: string }> {
  const { status, body } = await by.command("/v1/api-tokens", order);
  expect(status).toBe(201);
  return { id: body.apiToken.id, token: body.token };
}
