import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { beforeEach, describe, expect, it } from "vitest";
import { JWKS_PATH } from "../../src/http/jwks.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { open as openTokens } from "../api-tokens/opened.ts";
import { manualClock } from "../manager/manual-clock.ts";
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

  it("is told to a check that speaks HTTP/1.0 and names no host", async () => {
    const { hostname, port } = new URL(await issuer.listen());
    for (const path of ["/livez", "/readyz"]) {
      const socket = connect(Number(port), hostname);
      socket.end(`GET ${path} HTTP/1.0\r\n\r\n`);
      expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 /);
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

describe("a book of API tokens that has not been read for longer than the lease", () => {
  it("leaves a node that answers nobody, and says so: alive, not ready, and old by its gauge", async () => {
    const clock = manualClock();
    const { tokens, store } = await openTokens({ clock });
    const { app, keys } = await openIssuer(
      { clock },
      { apiTokens: tokens, authenticate: tokens.authenticate },
    );
    const metrics = createMetrics();
    const age = async () => {
      metrics.observe(keys.status(), [], tokens.status());
      return /^keyturn_api_tokens_age_seconds (\d+)$/m.exec(await metrics.registry.metrics())?.[1];
    };
    store.down = true;
    clock.advance(120);
    await keys.refresh();
    expect([(await app.request("/readyz")).status, await age()]).toEqual([200, "120"]);
    clock.advance(1);
    const ready = await app.request("/readyz");
    expect([ready.status, await age()]).toEqual([503, "121"]);
    expect(await ready.json()).toMatchObject({ code: "store_unavailable" });
    expect((await app.request("/livez")).status).toBe(200);
    expect((await app.request(JWKS_PATH)).status).toBe(200);
    store.down = false;
    await tokens.refresh();
    expect((await app.request("/readyz")).status).toBe(200);
  });
});
