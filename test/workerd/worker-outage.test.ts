/** The JWKS while the object of the ring cannot be reached. */
import { describe, expect, it } from "vitest";
import { bearer, bearerOf, type Deployment, deployment, JWKS, madeUp, NO_CACHE } from "./worker-isolate.ts";

const maxAge = ({ headers }: Response) => headers.get("Cache-Control");

let place: Deployment;

describe("while the object is down, the JWKS", () => {
  it("comes from the isolate's copy, and may be kept the shorter the older that is", async () => {
    place = await deployment();
    const isolate = place.isolate(NO_CACHE);
    const kids = await isolate.kids();
    place.line = "down";
    for (const [seconds, left] of [
      [30, 530],
      [100, 430],
      [400, 30],
      [3600, 0],
    ] as const) {
      place.clock.advance(seconds);
      const answer = await isolate.ask(JWKS);
      expect(maxAge(answer)).toBe(`public, max-age=${left}, must-revalidate`);
      expect(await answer.json()).toMatchObject({ keys: kids.map((kid) => ({ kid })) });
    }
  });

  it("does not show a key that was revoked here", async () => {
    place = await deployment();
    const isolate = place.isolate();
    const [, kid = ""] = await isolate.kids();
    await isolate.command(`/v1/keys/${kid}/revoke`, { reason: "test" });
    place.line = "down";
    const kids = await isolate.kids();
    expect(kids).toHaveLength(1);
    expect(kids).not.toContain(kid);
  });

  it.each(["down", "hangs"] as const)("is a problem where no copy is (%s)", async (line) => {
    place = await deployment();
    place.line = line;
    const answer = await place.isolate().ask(JWKS);
    expect(answer.status).toBe(503);
    expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
    expect(answer.headers.get("Cache-Control")).toBe("no-store");
    expect(await answer.json()).toEqual({
      type: "urn:keyturn:problem:store_unavailable",
      title: "Store unavailable",
      status: 503,
      code: "store_unavailable",
    });
  });

  it("comes before a verifier gives up where the object hangs", async () => {
    place = await deployment();
    const isolate = place.isolate(NO_CACHE);
    await isolate.ask(JWKS);
    place.line = "hangs";
    const begunAt = Date.now();
    expect((await isolate.glance(JWKS)).status).toBe(200);
    expect(Date.now() - begunAt).toBeLessThan(5000);
  });

  it("stays in the cache whatever strangers send, who have every command fail", async () => {
    place = await deployment();
    const { token } = (await place.isolate().command("/v1/api-tokens", { name: "new", role: "operator" }))
      .body;
    const isolate = place.isolate();
    await isolate.ask(JWKS);
    place.line = "down";
    const known = bearer("KEYTURN_API_TOKEN");
    const [unknown, none] = [bearerOf(await madeUp()), {}];
    for (const [headers, status] of [
      [none, 401],
      [unknown, 503],
    ] as const)
      expect((await isolate.ask("/v1/ring/x", { method: "POST", headers })).status).toBe(status);
    expect((await place.isolate().ask(JWKS)).status).toBe(200);
    for (const headers of [known, bearerOf(token)]) {
      place.line = "up";
      await place.isolate().ask(JWKS);
      place.line = "down";
      await isolate.ask("/v1/ring/x", { method: "POST", headers });
      expect((await place.isolate().ask(JWKS)).status).toBe(503);
    }
  });

  it("is read anew as soon as it is back", async () => {
    place = await deployment();
    const isolate = place.isolate(NO_CACHE);
    await isolate.ask(JWKS);
    place.line = "down";
    place.clock.advance(500);
    expect(maxAge(await isolate.ask(JWKS))).toMatch(/max-age=60,/);
    place.line = "up";
    place.clock.advance(1);
    expect(maxAge(await isolate.ask(JWKS))).toMatch(/max-age=530,/);
  });
});
