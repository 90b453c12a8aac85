import { createServer, type IncomingMessage } from "node:http";
import express, { type ErrorRequestHandler } from "express";
import { describe, expect, expectTypeOf, it } from "vitest";
import { createTestIssuer } from "../../src/testing/index.ts";
import { jwtAuth, jwtOf } from "../../src/verifier/express.ts";
import type { VerifiedToken } from "../../src/verifier/index.ts";
import { ask } from "../http/served.ts";
import { listenAt } from "./listening.ts";
import { AUDIENCE, BROKEN, expectRefusal, itProtects, kept, verifierFor } from "./protected-service.ts";

const claims = { sub: "user-1", aud: AUDIENCE };

const withMessage: ErrorRequestHandler = (error, _request, response, _next) => {
  response.status(500).send(error.message);
};

function whoami(request: IncomingMessage): string {
  const { claims, kid } = jwtOf(request);
  return JSON.stringify({ sub: claims.sub, kid });
}

describe("an Express app", () => {
  itProtects(async (verifier, options) => {
    const app = express();
    app.use(jwtAuth(verifier, options));
    app.get("/whoami", (request, response) => void response.type("json").send(whoami(request)));
    app.get("/broken", () => {
      throw new Error(BROKEN);
    });
    app.use(withMessage);
    return listenAt(createServer(app));
  });

  it("takes it for all routes, some, or one, with Express's own types", async () => {
    const verifier = verifierFor(await createTestIssuer());
    const app = express();
    const router = express.Router();
    router.use(jwtAuth(verifier));
    router.get("/in-router", (_request, response) => void response.send("in"));
    app.get("/one", jwtAuth(verifier), (request, response) => {
      expectTypeOf(jwtOf(request)).toEqualTypeOf<VerifiedToken>();
      response.send("in");
    });
    app.use("/api", jwtAuth(verifier, { realm: "api" }), router);
    app.get("/open", (_request, response) => void response.send("open"));
    const { url } = await kept(listenAt(createServer(app)));
    expect((await ask(url, { path: "/open" })).status).toBe(200);
    expect((await ask(url, { path: "/one" })).headers["www-authenticate"]).toBe("Bearer");
    const inRouter = await ask(url, { path: "/api/in-router" });
    expect(inRouter.headers["www-authenticate"]).toBe('Bearer realm="api"');
  });

  it("leaves an error of an async route to Express", async () => {
    const issuer = await createTestIssuer();
    const { token } = await issuer.sign(claims);
    const app = express();
    app.get("/", jwtAuth(verifierFor(issuer)), async () => {
      throw new Error(BROKEN);
    });
    app.use(withMessage);
    const { url } = await kept(listenAt(createServer(app)));
    const answer = await ask(url, { path: "/", headers: { authorization: `Bearer ${token}` } });
    expect(answer).toMatchObject({ status: 500, body: BROKEN });
  });
});

describe("a plain node:http server", () => {
  itProtects(async (verifier, options) => {
    const auth = jwtAuth(verifier, options);
    const server = createServer((request, response) => {
      auth(request, response, (error) => {
        if (error !== undefined) response.writeHead(500).end((error as Error).message);
        else if (request.url === "/broken") response.writeHead(500).end(BROKEN);
        else response.writeHead(200, { "Content-Type": "application/json" }).end(whoami(request));
      });
    });
    return listenAt(server);
  });

  it("refuses a token of a megabyte unread, where headers may be that long", async () => {
    const issuer = await createTestIssuer();
    const auth = jwtAuth(verifierFor(issuer));
    const server = createServer({ maxHeaderSize: 2_000_000 }, (request, response) => {
      auth(request, response, () => response.end("in"));
    });
    const { url } = await kept(listenAt(server));
    const authorization = `Bearer ${"A".repeat(1_000_000)}`;
    expectRefusal(await ask(url, { path: "/", headers: { authorization } }), 401, "token_too_large");
    expect(issuer.requests).toEqual([]);
  });
});

describe("jwtOf", () => {
  it("throws for a request that nobody has verified", () => {
    expect(() => jwtOf({} as IncomingMessage)).toThrow(/Put jwtAuth before the route/);
  });
});
