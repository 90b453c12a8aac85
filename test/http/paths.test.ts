import { describe, expect, it } from "vitest";
import { createApp } from "../../src/http/app.ts";
import { DISCOVERY_PATHS } from "../../src/http/discovery.ts";
import { JWKS_PATH } from "../../src/http/jwks.ts";
import { openAlone } from "../manager/fleet.ts";
import { API_TOKEN, ask, openIssuer } from "./served.ts";

const AUTHORIZED = { Authorization: `Bearer ${API_TOKEN}`, "Content-Type": "application/json" };

describe("a path that is almost right", () => {
  const paths = [
    "/v1/tokens/",
    "//v1/tokens",
    "/v1//tokens",
    "/v1%2Ftokens",
    "/v1%2ftokens",
    "/V1/tokens",
    "/v1/tokens%00",
  ];
  for (const path of paths) {
    it(`is not found, nor signs: ${path}`, async () => {
      const issuer = await openIssuer();
      const url = await issuer.listen();
      const answer = await ask(url, { method: "POST", path, headers: AUTHORIZED, body: '{"claims":{}}' });
      expect(answer.status).toBe(404);
      expect(JSON.parse(answer.body)).toMatchObject({ status: 404, code: "not_found" });
      expect(answer.headers["cache-control"]).toBe("no-store");
      expect(issuer.told).toEqual([]);
    });
  }

  for (const path of [
    `${JWKS_PATH}/`,
    `/${JWKS_PATH}`,
    "/.well-known%2Fjwks.json",
    "/.well-known/jwks.JSON",
    "/",
    "/readyz/",
  ]) {
    it(`is not found: ${path}`, async () => {
      const url = await (await openIssuer()).listen();
      const answer = await ask(url, { path });
      expect(answer.status).toBe(404);
      expect(answer.headers["cache-control"]).toBe("no-store");
      // What was asked for is not repeated into the page.
      expect(answer.body).not.toContain("jwks");
    });
  }
});

describe("a method that a path does not take", () => {
  const allowed: readonly [string, string][] = [
    [JWKS_PATH, "GET, HEAD, OPTIONS"],
    ["/v1/tokens", "POST"],
    ["/livez", "GET, HEAD"],
    ["/readyz", "GET, HEAD"],
    ...DISCOVERY_PATHS.map((path) => [path, "GET, HEAD"] as [string, string]),
  ];
  for (const [path, allow] of allowed) {
    it(`is answered on ${path} with ${allow}`, async () => {
      const url = await (await openIssuer()).listen();
      const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "OPTIONS"];
      for (const method of methods.filter((method) => !allow.includes(method))) {
        const answer = await ask(url, { method, path, headers: AUTHORIZED });
        expect(answer.status, method).toBe(405);
        expect(answer.headers.allow).toBe(allow);
        expect(answer.headers["cache-control"]).toBe("no-store");
        expect(JSON.parse(answer.body)).toMatchObject({ code: "method_not_allowed", fix: `Use ${allow}.` });
      }
    });
  }

  it("is HEAD where only POST works", async () => {
    const url = await (await openIssuer()).listen();
    const answer = await ask(url, { method: "HEAD", path: "/v1/tokens" });
    expect(answer.status).toBe(405);
    expect(answer.body).toBe("");
  });
});

describe("an app without an API token", () => {
  it("has no route that signs, and does not let on that there could be one", async () => {
    const { keys } = await openAlone();
    const app = createApp({ manager: keys });
    for (const method of ["POST", "GET", "PUT"]) {
      const response = await app.request("/v1/tokens", { method, headers: AUTHORIZED });
      expect(response.status).toBe(404);
    }
    expect((await app.request(JWKS_PATH)).status).toBe(200);
  });
});
