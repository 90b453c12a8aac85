import { describe, expect, it } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import { RateLimited, rateLimiter } from "../../src/http/rate-limit.ts";
import { openControlPlane } from "./admin/served.ts";
import { API_TOKEN, ask, expectProblem, openIssuer } from "./served.ts";

/** Seconds to wait as the limiter says; 0 when it lets through. */
function waitOf(work: () => void): number {
  try {
    work();
    return 0;
  } catch (error) {
    expect(error).toBeInstanceOf(RateLimited);
    return (error as RateLimited).retryAfterSeconds;
  }
}

describe("a bucket of permits", () => {
  it("has a burst, then as many as the pace brings", () => {
    const limiter = rateLimiter({ perSecond: 2, burst: 3 });
    const at = (now: number) => waitOf(() => limiter.take("a", now));
    expect([at(0), at(0), at(0), at(0)]).toEqual([0, 0, 0, 1]);
    expect([at(0.5), at(0.5)]).toEqual([0, 1]);
    expect([at(100), at(100), at(100), at(100)]).toEqual([0, 0, 0, 1]);
  });

  it("says how long to wait for several at once, and takes none until then", () => {
    const limiter = rateLimiter({ perSecond: 2, burst: 10 });
    const at = (now: number, count: number) => waitOf(() => limiter.take("a", now, count));
    expect(at(0, 8)).toBe(0);
    expect(at(0, 8)).toBe(3);
    expect(at(0, 2)).toBe(0);
    expect(at(3.9, 8)).toBe(1);
    expect(at(4, 8)).toBe(0);
  });

  it("is each caller's own", () => {
    const limiter = rateLimiter({ perSecond: 1, burst: 1 });
    expect(waitOf(() => limiter.take("a", 0))).toBe(0);
    expect(waitOf(() => limiter.take("a", 0))).toBe(1);
    expect(waitOf(() => limiter.take("b", 0))).toBe(0);
  });

  it("says for a request that turns out to cost more how long to wait for all of it, and takes none of it", () => {
    const limiter = rateLimiter({ perSecond: 1, burst: 5 });
    const grown = (now: number, count: number) =>
      waitOf(() => {
        limiter.take("a", now);
        limiter.take("a", now, count, 1);
      });
    expect([grown(0, 3), grown(0, 5), grown(0, 5)]).toEqual([0, 3, 3]);
    expect(grown(3, 5)).toBe(0);
    expect(waitOf(() => limiter.take("a", 3))).toBe(1);
  });

  it("is of a size that a request can have, and is filled at some pace", () => {
    for (const [perSecond, burst] of [
      [0, 10],
      [1, 9],
      [Number.NaN, 10],
      [1, Number.NaN],
    ] as const)
      expect(() => rateLimiter({ perSecond, burst }, 10)).toThrow(/no room for a request that costs 10/);
  });

  it("is not filled by a clock that goes back", () => {
    const limiter = rateLimiter({ perSecond: 1, burst: 1 });
    limiter.take("a", 10);
    expect(waitOf(() => limiter.take("a", 0))).toBe(1);
    expect(waitOf(() => limiter.take("a", 0.5))).toBe(1);
  });

  it("is forgotten when a thousand others came since, and of them the one that rested longest first", () => {
    const limiter = rateLimiter({ perSecond: 0.001, burst: 1 });
    for (const who of ["a", "b"]) limiter.take(who, 0);
    for (let i = 0; i < 998; i++) limiter.take(`${i}`, 0);
    expect(waitOf(() => limiter.take("a", 0))).toBeGreaterThan(0);
    limiter.take("one more", 0);
    expect(waitOf(() => limiter.take("a", 0))).toBeGreaterThan(0);
    expect(waitOf(() => limiter.take("b", 0))).toBe(0);
  });
});

describe("a caller who asks too often", () => {
  it("is told when to go on, and then goes on; others do not notice", async () => {
    const plane = await openControlPlane({}, { limits: { caller: { perSecond: 0.5, burst: 2 } } });
    const [one, other] = [await plane.issue("operator"), await plane.issue("operator")];
    const read = (token: string) => plane.ask({ path: "/v1/ring", token });
    await read(one.token);
    await read(one.token);
    const limited = await read(one.token);
    expectProblem(limited, 429, "rate_limited");
    expect(limited.headers["retry-after"]).toBe("2");
    expect((await read(other.token)).status).toBe(200);
    plane.clock.advance(2);
    expect((await read(one.token)).status).toBe(200);
  });

  it("pays for every token of a batch", async () => {
    const plane = await openControlPlane({}, {}, { limits: { caller: { perSecond: 1, burst: 100 } } });
    const { token } = await plane.issue("signer");
    const batch = (count: number) =>
      plane.ask({
        method: "POST",
        path: "/v1/tokens/batch",
        token,
        body: { tokens: Array.from({ length: count }, () => ({ claims: {} })) },
      });
    expect((await batch(99)).status).toBe(200);
    for (let time = 0; time < 3; time++) {
      const limited = await batch(5);
      expectProblem(limited, 429, "rate_limited");
      expect(limited.headers["retry-after"]).toBe("4");
    }
    plane.clock.advance(4);
    expect((await batch(5)).status).toBe(200);
    plane.clock.advance(100);
    expect((await batch(100)).status).toBe(200);
    expectProblem(await batch(1), 429, "rate_limited");
  });

  it("can be limited to no less than a whole batch at once", async () => {
    const opened = openControlPlane({}, {}, { limits: { caller: { perSecond: 10, burst: 99 } } });
    await expect(opened).rejects.toMatchObject({
      code: "config_invalid",
      fix: expect.stringContaining("burst to 100 or more"),
    });
  });
});

describe("strangers", () => {
  it("fill no log: of their refusals two hundred at once are told, each once", async () => {
    const issuer = await openIssuer();
    for (let i = 0; i < 1000; i++) await issuer.app.request("/v1/tokens", { method: "POST" });
    expect(new Set(issuer.told.map(({ type }) => type))).toEqual(new Set(["request_denied"]));
    expect(issuer.told).toHaveLength(200);
  });

  it("fill none either while nobody can be told from anybody, and learn that it is so", async () => {
    const authenticate = async () => {
      throw new KeyturnError("store_unavailable", "It is down.", { fix: "Wait." });
    };
    const issuer = await openIssuer({}, { authenticate });
    const asked = { method: "POST", headers: { Authorization: "Bearer keyturn_madeUp" } };
    const statuses = new Set<number>();
    for (let i = 0; i < 1000; i++) statuses.add((await issuer.app.request("/v1/tokens", asked)).status);
    expect(statuses).toEqual(new Set([503]));
    expect(new Set(issuer.told.map(({ type }) => type))).toEqual(new Set(["request_failed"]));
    expect(issuer.told).toHaveLength(200);
  });
});

describe("strangers who guess", () => {
  it("are told of only so often, and keep nobody with a good token waiting", async () => {
    const issuer = await openIssuer({}, { limits: { denials: { perSecond: 0.1, burst: 3 } } });
    const url = await issuer.listen();
    const sign = (token: string) =>
      ask(url, {
        method: "POST",
        path: "/v1/tokens",
        headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
        body: '{"claims":{}}',
      });
    const answers: number[] = [];
    for (let time = 0; time < 6; time++) answers.push((await sign("wrong")).status);
    expect(answers).toEqual([401, 401, 401, 429, 429, 429]);
    expect(issuer.told.filter(({ type }) => type === "request_denied")).toHaveLength(3);
    expect((await sign("wrong")).headers["retry-after"]).toBe("10");
    expect((await sign(API_TOKEN)).status).toBe(200);
  });
});
