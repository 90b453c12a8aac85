/** The JWKS through the real Cache API. */
import { describe, expect, it } from "vitest";
import type { EdgeCache } from "../../src/cloudflare/platform.ts";
import { deployment, JWKS, NO_CACHE, otherCache } from "./worker-isolate.ts";

const MAX_AGE = 530;
const CACHE_CONTROL = `public, max-age=${MAX_AGE}, must-revalidate`;

const told = ({ status, headers }: Response) => ({
  status,
  etag: headers.get("ETag"),
  cacheControl: headers.get("Cache-Control"),
  age: headers.get("Age"),
});

describe("the JWKS", () => {
  it("comes from the ring first, then from the cache with its age, the same in all else", async () => {
    const place = await deployment();
    const isolate = place.isolate();
    const first = await isolate.ask(JWKS);
    const body = await first.text();
    expect(told(first)).toMatchObject({ status: 200, cacheControl: CACHE_CONTROL, age: null });
    const asked = place.asked.length;
    place.clock.advance(100);
    for (const one of [isolate, place.isolate()]) {
      const hit = await one.ask(JWKS);
      expect(told(hit)).toEqual({ ...told(first), age: "100" });
      expect(await hit.text()).toBe(body);
      expect([...hit.headers.keys()].filter((name) => name.includes("keyturn"))).toEqual([]);
    }
    expect(place.asked.length).toBe(asked);
  });

  it("is 304 to who has it, and a HEAD has no body, from ring and cache alike", async () => {
    const place = await deployment();
    const etag = (await place.isolate(NO_CACHE).ask(JWKS)).headers.get("ETag") ?? "";
    const cache = await otherCache();
    for (const age of [null, "0"]) {
      const isolate = place.isolate(age === null ? NO_CACHE : cache);
      if (age !== null) await isolate.ask(JWKS);
      const unchanged = await isolate.ask(JWKS, { headers: { "If-None-Match": `"x", W/${etag}` } });
      expect(told(unchanged)).toEqual({ status: 304, etag, cacheControl: CACHE_CONTROL, age });
      expect(unchanged.headers.get("Content-Type")).toBeNull();
      const head = await isolate.ask(JWKS, { method: "HEAD" });
      expect(told(head)).toEqual({ status: 200, etag, cacheControl: CACHE_CONTROL, age });
      expect(await head.text()).toBe("");
    }
  });

  it("is asked of the ring again when max-age is over, to the second", async () => {
    const place = await deployment();
    const isolate = place.isolate();
    await isolate.ask(JWKS);
    place.clock.advance(MAX_AGE - 1);
    expect(told(await isolate.ask(JWKS)).age).toBe(String(MAX_AGE - 1));
    place.clock.advance(1);
    expect(told(await isolate.ask(JWKS)).age).toBeNull();
    expect(told(await isolate.ask(JWKS)).age).toBe("0");
  });

  it("does without a cache that fails", async () => {
    const fails = () => Promise.reject(new Error("no cache today"));
    const isolate = (await deployment()).isolate({ match: fails, put: fails, delete: fails });
    expect(await isolate.kids()).toHaveLength(2);
    expect(await isolate.kids()).toHaveLength(2);
  });

  it("does without a cache that hangs", async () => {
    const hangs = () => new Promise<never>(() => undefined);
    const isolate = (await deployment()).isolate({ match: hangs, put: hangs, delete: hangs });
    const begunAt = Date.now();
    expect((await isolate.glance(JWKS)).status).toBe(200);
    expect(Date.now() - begunAt).toBeLessThan(4000);
  });

  it("is read of the object seldom, however often it is asked for where there is no cache", async () => {
    const place = await deployment();
    const isolate = place.isolate(NO_CACHE);
    const reads = () => place.asked.filter((what) => what === "load ring").length;
    const hundred = async () => {
      for (let time = 0; time < 100; time++) await isolate.ask(JWKS);
      return reads();
    };
    // To show it, and after it was kept.
    expect([await hundred(), await hundred()]).toEqual([2, 2]);
    place.clock.advance(1);
    expect(await hundred()).toBe(4);
  });

  it("says of caching what it should, whatever a zone's settings make of the copy", async () => {
    const cache = await otherCache();
    const ofZone: EdgeCache = {
      ...NO_CACHE,
      put: (url, copy) => cache.put(url, copy),
      async match(url) {
        const found = await cache.match(url);
        if (found === undefined) return undefined;
        const headers = new Headers(found.headers);
        headers.set("Cache-Control", "max-age=14400");
        headers.set("Age", "7");
        return new Response(found.body, { headers });
      },
    };
    const place = await deployment();
    const isolate = place.isolate(ofZone);
    await isolate.ask(JWKS);
    expect(told(await isolate.ask(JWKS))).toMatchObject({ cacheControl: CACHE_CONTROL, age: "0" });
    place.clock.advance(MAX_AGE);
    expect(told(await isolate.ask(JWKS)).age).toBeNull();
  });

  it("is not taken from the cache by an isolate that has seen a newer ring", async () => {
    const place = await deployment();
    const [behind, ahead] = [place.isolate(), place.isolate(await otherCache())];
    const kids = await behind.kids();
    const { body } = await ahead.command(`/v1/keys/${kids[1]}/revoke`, { reason: "test" });
    const here = place.isolate();
    await here.sign();
    expect(body.changed).toBe(true);
    expect(await behind.kids()).toContain(kids[1]);
    expect(await here.kids()).not.toContain(kids[1]);
    expect(await behind.kids()).not.toContain(kids[1]);
  });

  it("answers a browser that asks first, and no other methods", async () => {
    const isolate = (await deployment()).isolate();
    const preflight = await isolate.ask(JWKS, { method: "OPTIONS" });
    expect([preflight.status, preflight.headers.get("Access-Control-Allow-Headers")]).toEqual([
      204,
      "If-None-Match",
    ]);
    expect((await isolate.ask(JWKS, { method: "POST", body: "x" })).status).toBe(405);
  });
});
