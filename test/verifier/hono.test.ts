import { createServer } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { describe, expect, expectTypeOf, it } from "vitest";
import { createTestIssuer, movableClock } from "../../src/testing/index.ts";
import { type JwtVariables, jwtAuth } from "../../src/verifier/hono.ts";
import type { VerifiedToken, Verifier } from "../../src/verifier/index.ts";
import { listenAt } from "./listening.ts";
import { AUDIENCE, BROKEN, itProtects, verifierFor } from "./protected-service.ts";

function serviceOf(verifier: Verifier, options = {}) {
  return new Hono()
    .use(jwtAuth(verifier, options))
    .get("/whoami", (c) => c.json({ sub: c.var.jwt.claims.sub, kid: c.var.jwt.kid }))
    .get("/broken", () => {
      throw new Error(BROKEN);
    })
    .onError((error, c) => c.text(error.message, 500));
}

describe("a Hono app", () => {
  itProtects(async (verifier, options) => {
    const app = serviceOf(verifier, options);
    return listenAt(createServer(getRequestListener(app.fetch)));
  });
});

const claims = { sub: "user-1", aud: AUDIENCE };

async function opened() {
  const issuer = await createTestIssuer({ clock: movableClock(1_800_000_000) });
  const verifier = verifierFor(issuer);
  const { token } = await issuer.sign(claims);
  return { issuer, verifier, headers: { Authorization: `Bearer ${token}` } };
}

describe("jwtAuth", () => {
  it("gives the token to routes with its type, chained or declared", async () => {
    const { verifier, headers } = await opened();
    const chained = new Hono().use("/api/*", jwtAuth(verifier)).get("/api/me", (c) => {
      expectTypeOf(c.var.jwt).toEqualTypeOf<VerifiedToken>();
      expectTypeOf(c.var.jwt.claims.sub).toEqualTypeOf<string | undefined>();
      expectTypeOf(c.get("jwt").claims.exp).toEqualTypeOf<number>();
      return c.json(c.var.jwt.claims);
    });
    const declared = new Hono<{ Variables: JwtVariables }>();
    declared.use("/api/*", jwtAuth(verifier));
    declared.get("/api/me", (c) => c.json(c.var.jwt.claims));
    for (const app of [chained, declared]) {
      const response = await app.request("/api/me", { headers });
      expect(await response.json()).toMatchObject(claims);
    }
  });

  it("fits an app that has bindings and variables of its own", async () => {
    const { verifier, headers } = await opened();
    const app = new Hono<{ Bindings: { DB: string }; Variables: JwtVariables & { own: number } }>();
    app.use(jwtAuth(verifier));
    app.get("/", (c) => c.text(`${c.env.DB} ${c.var.jwt.claims.sub}`));
    expect(await (await app.request("/", { headers }, { DB: "db" })).text()).toBe("db user-1");
  });

  it("protects the paths that it is used for, and no others", async () => {
    const { verifier } = await opened();
    const app = new Hono()
      .use("/api/*", jwtAuth(verifier))
      .get("/api/me", (c) => c.text("in"))
      .get("/open", (c) => c.text("open"));
    expect((await app.request("/open")).status).toBe(200);
    expect((await app.request("/api/me")).status).toBe(401);
    // Whether there is such a route is nobody's business either.
    expect((await app.request("/api/nothing")).status).toBe(401);
  });

  it("runs no route for who is not let in", async () => {
    const { verifier } = await opened();
    let runs = 0;
    const app = new Hono().use(jwtAuth(verifier)).all("*", (c) => {
      runs++;
      return c.text("in");
    });
    for (const Authorization of ["", "Bearer", "Bearer x", "Basic x"])
      expect((await app.request("/", { headers: { Authorization }, method: "POST" })).ok).toBe(false);
    expect(runs).toBe(0);
  });

  it("passes on what outlives a request on Workers, called on its context", async () => {
    const { issuer, verifier, headers } = await opened();
    const app = serviceOf(verifier);
    const context = new WorkerContext();
    expect((await app.request("/whoami", { headers }, {}, context as never)).status).toBe(200);
    const first = context.works.length;
    expect(first).toBeGreaterThan(0);
    // Due, and not yet stale: who asks is not kept waiting, and the refresh goes on behind.
    issuer.clock.advance(500);
    expect((await app.request("/whoami", { headers }, {}, context as never)).status).toBe(200);
    expect(context.works.length).toBe(first + 1);
    await Promise.all(context.works);
    expect(verifier.health()).toMatchObject({ issuers: [{ ageSeconds: 0 }] });
  });

  it("refuses a token of a megabyte unread", async () => {
    const { issuer, verifier } = await opened();
    const { token } = await issuer.sign(claims);
    const response = await serviceOf(verifier).request("/whoami", {
      headers: { Authorization: `Bearer ${token}${"A".repeat(1_000_000)}` },
    });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ code: "token_too_large" });
    expect(issuer.requests).toEqual([]);
  });
});

/** Like workerd's: a method of it that is called without it refuses to work. */
class WorkerContext {
  readonly #works: Promise<unknown>[] = [];
  readonly props = {};
  get works(): readonly Promise<unknown>[] {
    return this.#works;
  }
  waitUntil(work: Promise<unknown>): void {
    this.#works.push(work);
  }
  passThroughOnException(): void {}
}
