import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import { jwksAnswers } from "../../src/http/jwks.ts";
import { watchedAnswers } from "../../src/http/jwks-watch.ts";
import { METRICS_PATH, metricsRoutes } from "../../src/http/metrics.ts";
import { problemResponse } from "../../src/http/problem.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { ask, openIssuer } from "./served.ts";

async function withMetrics(options: { readonly authorized: boolean }) {
  const metrics = createMetrics();
  const { keys } = await openIssuer();
  let scrapes = 0;
  const app = new Hono()
    .route(
      "/",
      metricsRoutes({
        scrape() {
          scrapes += 1;
          metrics.observe(keys.status());
          return metrics.registry;
        },
        async authorize() {
          if (options.authorized) return;
          throw new KeyturnError("forbidden", "Not for you.", { fix: "Ask for another role." });
        },
      }),
    )
    .onError((error) => problemResponse(error));
  return { app, scrapes: () => scrapes, keys };
}

describe("GET /metrics", () => {
  it("is the text that Prometheus reads, fresh at each scrape and kept by nobody", async () => {
    const { app, keys } = await withMetrics({ authorized: true });
    const first = await app.request(METRICS_PATH);
    expect(first.status).toBe(200);
    expect(first.headers.get("Content-Type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(first.headers.get("Cache-Control")).toBe("no-store");
    expect(await first.text()).toMatch(/^keyturn_ring_generation 1$/m);
    await keys.pause();
    expect(await (await app.request(METRICS_PATH)).text()).toMatch(/^keyturn_ring_generation 2$/m);
  });

  it("measures nothing for whoever may not read it", async () => {
    const { app, scrapes } = await withMetrics({ authorized: false });
    const refused = await app.request(METRICS_PATH);
    expect(refused.status).toBe(403);
    expect(await refused.text()).not.toContain("keyturn_ring_generation");
    expect(scrapes()).toBe(0);
  });

  it("shows no secret, no claim and no key, but for kids", async () => {
    const { app, keys } = await withMetrics({ authorized: true });
    const text = await (await app.request(METRICS_PATH)).text();
    for (const { sealedJwk, publicJwk } of keys.ring().keys) {
      expect(text).not.toContain(sealedJwk);
      expect(text).not.toContain((publicJwk as { x?: string }).x ?? "no x");
    }
    expect(text).toContain(keys.status().emitter);
  });
});

describe("answers to requests for the JWKS", () => {
  it("are told by their status, also those given in front of the app", async () => {
    const issuer = await openIssuer();
    const statuses: number[] = [];
    const answers = watchedAnswers(jwksAnswers(issuer.keys), (event) => {
      if (event.type === "jwks_answered") statuses.push(event.status);
    });
    const { status, headers, body } = answers(undefined);
    expect({ status, headers, body }).toEqual(jwksAnswers(issuer.keys)(undefined));
    answers(headers[headers.indexOf("ETag") + 1]);
    expect(statuses).toEqual([200, 304]);

    const over = await openIssuer({}, { answers });
    await over.app.request("/.well-known/jwks.json");
    expect(statuses).toEqual([200, 304, 200]);
    expect((await ask(await over.listen(), { path: "/.well-known/jwks.json" })).status).toBe(200);
  });
});
