import { describe, expect, it } from "vitest";
import { JWKS_PATH } from "../../src/http/jwks.ts";
import type { Algorithm } from "../../src/ring/algorithm.ts";
import type { RotationPolicy } from "../../src/ring/policy.ts";
import { SHORT } from "../manager/fleet.ts";
import { type Issuer, openIssuer } from "./served.ts";

const get = (issuer: Issuer, headers: Record<string, string> = {}, method = "GET") =>
  issuer.app.request(JWKS_PATH, { method, headers });

const etagOf = async (issuer: Issuer) => (await get(issuer)).headers.get("ETag") as string;

describe("a GET of the JWKS", () => {
  it("answers with the published keys, how long they may be kept, and for everyone", async () => {
    const issuer = await openIssuer();
    const response = await get(issuer);
    const body = await response.text();
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toEqual({
      "content-type": "application/jwk-set+json",
      "content-length": String(Buffer.byteLength(body)),
      etag: expect.stringMatching(/^"[\w.-]+"$/),
      "cache-control": "public, max-age=530, must-revalidate",
      "access-control-allow-origin": "*",
      "access-control-expose-headers": "ETag",
      "x-content-type-options": "nosniff",
    });
    expect(JSON.parse(body)).toEqual(JSON.parse(JSON.stringify(issuer.keys.jwks())));
  });

  it("shows ring and generation beside the keys", async () => {
    const issuer = await openIssuer();
    const { ring, generation } = issuer.keys.status();
    expect(await (await get(issuer)).json()).toMatchObject({ ring, generation, keys: [{}, {}] });
    await issuer.keys.pause();
    expect(await (await get(issuer)).json()).toMatchObject({ ring, generation: generation + 1 });
  });

  const members: readonly [Algorithm, readonly string[]][] = [
    ["ES256", ["crv", "kty", "x", "y"]],
    ["ES512", ["crv", "kty", "x", "y"]],
    ["RS256", ["e", "kty", "n"]],
    ["EdDSA", ["crv", "kty", "x"]],
    ["ML-DSA-44", ["kty", "pub"]],
  ];
  for (const [alg, names] of members) {
    it(`shows of ${alg} keys the public members and nothing else`, async () => {
      const issuer = await openIssuer({ policy: { alg, rsaBits: 2048, standby: false } });
      const { keys } = (await (await get(issuer)).json()) as { keys: Record<string, unknown>[] };
      expect(keys.map((key) => Object.keys(key).sort())).toEqual([[...names, "alg", "kid", "use"].sort()]);
      expect(keys[0]).toMatchObject({ alg, use: "sig", kid: issuer.keys.status().emitter });
    });
  }

  it("is the same to the byte each time", async () => {
    const issuer = await openIssuer();
    const [first, second] = [await get(issuer), await get(issuer)];
    expect(await second.text()).toBe(await first.text());
    expect(Object.fromEntries(second.headers)).toEqual(Object.fromEntries(first.headers));
  });
});

describe("how long the JWKS may be kept", () => {
  const policies: readonly [string, Partial<RotationPolicy>, number][] = [
    ["by default", {}, 600 - (30 + 10 + 30)],
    ["with a longer cache", { jwksCacheSeconds: 3600 }, 3600 - 70],
    ["with quicker refreshes and no skew", { refreshSeconds: 5, skewSeconds: 0, fetchSeconds: 1 }, 600 - 7],
    ["with the least cache that works", { jwksCacheSeconds: 141 }, 71],
    ["in a rehearsal", SHORT, 4],
  ];
  for (const [what, policy, seconds] of policies) {
    it(`is the cache TTL less refresh, two fetches and skew: ${seconds} s ${what}`, async () => {
      const issuer = await openIssuer({ policy });
      const expected = `public, max-age=${seconds}, must-revalidate`;
      expect((await get(issuer)).headers.get("Cache-Control")).toBe(expected);
      const unchanged = await get(issuer, { "If-None-Match": "*" });
      expect(unchanged.headers.get("Cache-Control")).toBe(expected);
    });
  }

  it("shrinks by as much as the node lags behind its refreshes, down to nothing", async () => {
    const issuer = await openIssuer();
    const maxAge = async () => (await get(issuer)).headers.get("Cache-Control");
    issuer.store.down = true;
    issuer.clock.advance(30);
    expect(await maxAge()).toBe("public, max-age=530, must-revalidate");
    issuer.clock.advance(100);
    expect(await maxAge()).toBe("public, max-age=430, must-revalidate");
    issuer.clock.advance(86_400);
    expect(await maxAge()).toBe("public, max-age=0, must-revalidate");
    issuer.store.down = false;
    await issuer.keys.refresh();
    // Looked at once a second: a recovery shows with the next.
    issuer.clock.advance(1);
    expect(await maxAge()).toBe("public, max-age=530, must-revalidate");
  });
});

describe("a JWKS that the client has already", () => {
  const same = (etag: string) => [
    etag,
    `W/${etag}`,
    `"other", ${etag}`,
    `"other",${etag} , W/"more"`,
    `W/"other", W/${etag}`,
    "*",
  ];
  for (const [i, what] of [
    "",
    " weakly",
    " in a list",
    " amid a list",
    " weakly in a list",
    " as any",
  ].entries()) {
    it(`is not sent again when its tag is named${what}`, async () => {
      const issuer = await openIssuer();
      const etag = await etagOf(issuer);
      const response = await get(issuer, { "If-None-Match": same(etag)[i] as string });
      expect(response.status).toBe(304);
      expect(await response.text()).toBe("");
      expect(Object.fromEntries(response.headers)).toEqual({
        etag,
        "cache-control": "public, max-age=530, must-revalidate",
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "ETag",
      });
    });
  }

  const others = (etag: string) => [
    "",
    '""',
    '"other"',
    'W/"other", "more"',
    etag.replaceAll('"', ""),
    `${etag.slice(0, -1)}x"`,
    etag.toUpperCase(),
    `w/${etag}`,
    "**",
    '"*"',
    ",,,",
  ];
  it("is sent when no tag is its own", async () => {
    const issuer = await openIssuer();
    for (const tag of others(await etagOf(issuer))) {
      expect((await get(issuer, { "If-None-Match": tag })).status, tag).toBe(200);
    }
  });

  it("is sent once the ring has changed, and the old tag is not taken for the new", async () => {
    const issuer = await openIssuer();
    const before = await etagOf(issuer);
    await issuer.keys.pause();
    expect((await get(issuer, { "If-None-Match": before })).status).toBe(200);
    expect(await etagOf(issuer)).not.toBe(before);
  });
});

describe("other methods on the JWKS", () => {
  it("HEAD answers as GET does, without the body", async () => {
    const issuer = await openIssuer();
    const [got, headed] = [await get(issuer), await get(issuer, {}, "HEAD")];
    expect(headed.status).toBe(200);
    expect(Object.fromEntries(headed.headers)).toEqual(Object.fromEntries(got.headers));
    expect(await headed.text()).toBe("");
    expect((await get(issuer, { "If-None-Match": "*" }, "HEAD")).status).toBe(304);
  });

  it("OPTIONS lets a browser ask with If-None-Match from any origin", async () => {
    const issuer = await openIssuer();
    const response = await get(issuer, { Origin: "https://app.example.com" }, "OPTIONS");
    expect(response.status).toBe(204);
    expect(Object.fromEntries(response.headers)).toEqual({
      "access-control-allow-origin": "*",
      "access-control-allow-methods": "GET, HEAD",
      "access-control-allow-headers": "If-None-Match",
      "access-control-max-age": "86400",
    });
  });

  for (const method of ["POST", "PUT", "PATCH", "DELETE", "QUERY"]) {
    it(`${method} is refused, saying what is not`, async () => {
      const response = await get(await openIssuer(), {}, method);
      expect(response.status).toBe(405);
      expect(response.headers.get("Allow")).toBe("GET, HEAD, OPTIONS");
      expect(response.headers.get("Cache-Control")).toBe("no-store");
    });
  }
});
