import { beforeEach, describe, expect, it } from "vitest";
import { JWKS_PATH } from "../../src/http/jwks.ts";
import { API_TOKEN, type Issuer, openIssuer } from "./served.ts";

let issuer: Issuer;
beforeEach(async () => {
  issuer = await openIssuer();
});

const get = (path: string) => issuer.app.request(path);
const sign = () =>
  issuer.app.request("/v1/tokens", {
    method: "POST",
    headers: { Authorization: `Bearer ${API_TOKEN}`, "Content-Type": "application/json" },
    body: '{"claims":{}}',
  });

describe("health", () => {
  it("is alive and ready, told from memory and kept by nobody", async () => {
    issuer.store.down = true;
    const [live, ready] = [await get("/livez"), await get("/readyz")];
    expect(await live.json()).toEqual({ live: true });
    expect(await ready.json()).toEqual({
      ready: true,
      generation: 1,
      leaseAgeSeconds: 0,
      overdueSince: null,
      blocked: null,
      policyMatches: true,
    });
    for (const response of [live, ready]) {
      expect(response.status).toBe(200);
      expect(response.headers.get("Cache-Control")).toBe("no-store");
    }
  });

  it("shows a schedule that has stopped, and stays ready", async () => {
    issuer.clock.advance(31 * 86_400);
    await issuer.keys.refresh();
    const ready = await get("/readyz");
    expect(ready.status).toBe(200);
    expect(await ready.json()).toMatchObject({ overdueSince: 1_800_000_000 + 30 * 86_400 });
  });
});

describe("a store that is down for no longer than the lease", () => {
  it("stops neither signing nor readiness", async () => {
    issuer.store.down = true;
    issuer.clock.advance(120);
    expect((await get("/readyz")).status).toBe(200);
    expect((await sign()).status).toBe(200);
  });
});

describe("a store that is down for longer than the lease", () => {
  beforeEach(async () => {
    issuer.store.down = true;
    issuer.clock.advance(121);
  });

  it("leaves the JWKS as it was, with status 200", async () => {
    const response = await get(JWKS_PATH);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ generation: 1, keys: [{}, {}] });
  });

  it("leaves the node alive and not ready", async () => {
    expect((await get("/livez")).status).toBe(200);
    const ready = await get("/readyz");
    expect(ready.status).toBe(503);
    expect(ready.headers.get("Retry-After")).toBe("2");
    expect(await ready.json()).toMatchObject({ code: "ring_stale" });
  });

  it("makes signing answer ring_stale, which says when to come back and nothing of the inside", async () => {
    const response = await sign();
    expect(response.status).toBe(503);
    expect(response.headers.get("Retry-After")).toBe("2");
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    expect(await response.json()).toEqual({
      type: "urn:keyturn:problem:ring_stale",
      title: "Ring stale",
      status: 503,
      code: "ring_stale",
    });
    expect(issuer.told).toEqual([
      { type: "token_refused", kid: issuer.keys.status().emitter, code: "ring_stale" },
    ]);
  });

  it("is over within a second after the store is back", async () => {
    expect((await sign()).status).toBe(503);
    issuer.store.down = false;
    issuer.clock.advance(1);
    expect((await sign()).status).toBe(200);
    expect((await get("/readyz")).status).toBe(200);
  });
});
