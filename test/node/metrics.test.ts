import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ask } from "../http/served.ts";
import { holding, startNew } from "./running.ts";

/** Metrics that alerts and dashboard name. */
const NAMED = new Set(
  ["deploy/prometheus/keyturn.rules.yml", "deploy/grafana/keyturn.json"].flatMap(
    (path) => readFileSync(path, "utf8").match(/\bkeyturn_[a-z_]+/g) ?? [],
  ),
);

/** A histogram shows under three names. */
function metricsOf(page: string): Set<string> {
  return new Set(
    [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = "", type]) =>
      type === "histogram" ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name],
    ),
  );
}

describe("/metrics of a node", () => {
  it("has every metric that alerts and dashboard name, for whoever reaches it on a listener of its own", async () => {
    const { node } = await startNew({ adminListen: "127.0.0.1:0" });
    const { status, headers, body } = await ask(node.adminUrl as string, { path: "/metrics" });
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      "content-type": "text/plain; version=0.0.4; charset=utf-8",
      "cache-control": "no-store",
    });
    expect(NAMED.size).toBeGreaterThan(20);
    const shown = metricsOf(body);
    expect([...NAMED].filter((name) => !shown.has(name))).toEqual([]);
  });

  it("counts what the node does", async () => {
    const { node, config, headers } = await startNew();
    const scheduler = await holding(config, "scheduler");
    const sign = (body: string) => ask(node.url, { method: "POST", path: "/v1/tokens", headers, body });
    const jwks = await ask(node.url, { path: "/.well-known/jwks.json" });
    const known = { "if-none-match": jwks.headers.etag };
    expect((await ask(node.url, { path: "/.well-known/jwks.json", headers: known })).status).toBe(304);
    expect((await sign('{"claims":{}}')).status).toBe(200);
    expect((await sign('{"claims":{"exp":1}}')).status).toBe(422);
    expect((await ask(node.url, { path: "/v1/ring", headers })).status).toBe(403);
    await node.manager.pause();
    const { emitter, policy } = node.manager.status();
    const scraped = () =>
      ask(node.url, { path: "/metrics", headers: scheduler.headers }).then(({ body }) => body);
    // The audit log is written beside the commit.
    await expect.poll(scraped).toContain('keyturn_audit_backlog_records{sink="file"} 0');
    const body = await scraped();
    for (const line of [
      `keyturn_signatures_total{kid="${emitter}",outcome="signed"} 1`,
      `keyturn_signatures_total{kid="${emitter}",outcome="claims_invalid"} 1`,
      'keyturn_jwks_answers_total{code="200"} 1',
      'keyturn_jwks_answers_total{code="304"} 1',
      'keyturn_requests_denied_total{action="read-status",code="forbidden"} 1',
      'keyturn_api_tokens_changed_total{event="issued"} 1',
      'keyturn_commits_total{event="init",trigger="automatic"} 1',
      'keyturn_commits_total{event="pause",trigger="manual"} 1',
      `keyturn_policy_seconds{duration="lease"} ${policy.leaseSeconds}`,
      "keyturn_ring_generation 2",
      "keyturn_paused 1",
      "keyturn_can_sign 1",
    ])
      expect(body.split("\n")).toContain(line);
    expect(body).toMatch(/^keyturn_store_seconds_count\{operation="replace",outcome="ok"\} [2-9]$/m);
  });
});
