import fastify from "fastify";
import { describe, expect, expectTypeOf, it } from "vitest";
import { createTestIssuer, type TestIssuer } from "../../src/testing/index.ts";
import { jwtAuth, jwtOf } from "../../src/verifier/fastify.ts";
import type { VerifiedToken } from "../../src/verifier/index.ts";
import { AUDIENCE, BROKEN, itProtects, verifierFor } from "./protected-service.ts";

const claims = { sub: "user-1", aud: AUDIENCE };

describe("a Fastify app", () => {
  itProtects(async (verifier, options) => {
    const app = fastify();
    app.addHook("onRequest", jwtAuth(verifier, options));
    app.get("/whoami", async (request) => {
      const { claims, kid } = jwtOf(request);
      return { sub: claims.sub, kid };
    });
    app.get("/broken", async () => {
      throw new Error(BROKEN);
    });
    const url = await app.listen({ port: 0, host: "127.0.0.1" });
    return { url, close: () => app.close() };
  });
});

async function bearing(issuer: TestIssuer) {
  return { authorization: `Bearer ${(await issuer.sign(claims)).token}` };
}

describe("jwtAuth", () => {
  it("is a hook by Fastify's own types, of an app, a plugin or a route", async () => {
    const issuer = await createTestIssuer();
    const verifier = verifierFor(issuer);
    const app = fastify();
    app.register((plugin, _options, done) => {
      plugin.addHook("onRequest", jwtAuth(verifier));
      plugin.get("/in-plugin", async (request) => jwtOf(request).claims.sub);
      done();
    });
    app.get("/one", { onRequest: jwtAuth(verifier) }, async (request) => {
      expectTypeOf(jwtOf(request)).toEqualTypeOf<VerifiedToken>();
      return jwtOf(request).claims.sub;
    });
    app.get("/late", { preHandler: [jwtAuth(verifier)] }, async (request) => jwtOf(request).claims.sub);
    app.get<{ Params: { id: string }; Reply: { sub: string | undefined } }>(
      "/typed/:id",
      { onRequest: jwtAuth(verifier) },
      async (request) => ({ sub: jwtOf(request).claims.sub }),
    );
    app.get("/open", async () => "open");
    const headers = await bearing(issuer);
    for (const url of ["/in-plugin", "/one", "/late", "/typed/1"]) {
      expect((await app.inject({ url })).statusCode, url).toBe(401);
      expect((await app.inject({ url, headers })).body, url).toContain("user-1");
    }
    expect((await app.inject({ url: "/open" })).statusCode).toBe(200);
    await app.close();
  });

  it("runs neither later hooks nor the route for who is not let in", async () => {
    const issuer = await createTestIssuer();
    const app = fastify();
    const ran: string[] = [];
    app.addHook("onRequest", jwtAuth(verifierFor(issuer)));
    app.addHook("preParsing", async () => void ran.push("preParsing"));
    app.post("/", async () => {
      ran.push("route");
      return "in";
    });
    const answer = await app.inject({ method: "POST", url: "/", payload: { a: 1 } });
    expect(answer.statusCode).toBe(401);
    expect(ran).toEqual([]);
    await app.inject({ method: "POST", url: "/", payload: { a: 1 }, headers: await bearing(issuer) });
    expect(ran).toEqual(["preParsing", "route"]);
    await app.close();
  });

  it("answers 401 for a token of a megabyte", async () => {
    const issuer = await createTestIssuer();
    const app = fastify();
    app.get("/", { onRequest: jwtAuth(verifierFor(issuer)) }, async () => "in");
    const headers = { authorization: `Bearer ${"A".repeat(1_000_000)}` };
    const answer = await app.inject({ url: "/", headers });
    expect(answer.statusCode).toBe(401);
    expect(answer.json()).toMatchObject({ code: "token_too_large" });
    expect(issuer.requests).toEqual([]);
    await app.close();
  });
});

describe("jwtOf", () => {
  it("throws for a request that nobody has verified", () => {
    expect(() => jwtOf({ raw: {} } as never)).toThrow(/Put jwtAuth before the route/);
  });
});
