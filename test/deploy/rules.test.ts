/** The alerts and the dashboard that come with keyturn, against what a server really shows. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { Hono } from "hono";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { jwksAnswers } from "../../src/http/jwks.ts";
import { watchedAnswers } from "../../src/http/jwks-watch.ts";
import { metricsRoutes } from "../../src/http/metrics.ts";
import { close, createHttpServer, listen, listenerOf } from "../../src/node/server.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { ask } from "../http/served.ts";
import { openAlone } from "../manager/fleet.ts";

const RULES = "deploy/prometheus/keyturn.rules.yml";
const RULES_TEST = "test/deploy/keyturn.rules.test.yml";
const DASHBOARD = "deploy/grafana/keyturn.json";

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

const shut: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(shut.splice(0).map((work) => work()));
});

/** `/metrics` of a server in this process, over its socket. */
async function scrape(): Promise<string> {
  const metrics = createMetrics();
  const { keys } = await openAlone({ onEvent: metrics.onEvent });
  const answers = watchedAnswers(jwksAnswers(keys), metrics.onEvent);
  const routes = metricsRoutes({
    scrape() {
      metrics.observe(keys.status(), [{ sink: "file", backlogRecords: 0, backlogSince: null }]);
      return metrics.registry;
    },
  });
  const { server, serve } = createHttpServer();
  serve(listenerOf(new Hono().route("/", routes), answers));
  const url = `http://127.0.0.1:${await listen(server, "127.0.0.1:0")}`;
  shut.push(() => close(server, 0));
  await ask(url, { path: "/.well-known/jwks.json" });
  const answer = await ask(url, { path: "/metrics" });
  expect(answer.status).toBe(200);
  expect(answer.headers).toMatchObject({
    "content-type": "text/plain; version=0.0.4; charset=utf-8",
    "cache-control": "no-store",
  });
  expect(answer.body).toContain('keyturn_jwks_answers_total{code="200"} 1');
  return answer.body;
}

const namesIn = (text: string) => new Set(text.match(/\bkeyturn_[a-z_]+/g) ?? []);

let page = "";
let shown = new Set<string>();
let rules: readonly Rule[] = [];
let panels: readonly { title: string; targets: readonly { expr: string }[] }[] = [];

beforeAll(async () => {
  page = await scrape();
  shown = new Set(
    [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = "", type]) =>
      type === "histogram" ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name],
    ),
  );
  rules = parse(readFileSync(RULES, "utf8")).groups.flatMap((group: { rules: Rule[] }) => group.rules);
  panels = JSON.parse(readFileSync(DASHBOARD, "utf8")).panels;
});

describe("the alerts", () => {
  it("measure nothing but what a server shows", () => {
    expect(rules.length).toBeGreaterThan(10);
    for (const { alert, expr } of rules) {
      const names = [...namesIn(expr)];
      expect(names, alert).not.toEqual([]);
      for (const name of names) expect([...shown], alert).toContain(name);
    }
  });

  it("say what it is, how grave it is, and where to look", () => {
    for (const { alert, labels, annotations } of rules) {
      expect(["page", "warn"], alert).toContain(labels.severity);
      expect(annotations.summary, alert).toMatch(/\S.*\.$/s);
      expect(annotations.description, alert).toMatch(/\S.*\.$/s);
    }
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });

  it("compare with durations and reasons that the server does show", () => {
    const text = rules.map(({ expr }) => expr).join("\n");
    for (const [, duration] of text.matchAll(/duration="(\w+)"/g))
      expect(page).toContain(`keyturn_policy_seconds{duration="${duration}"}`);
    expect(page).toContain('keyturn_step_blocked{because="clock_backward"}');
  });
});

describe("the dashboard", () => {
  it("shows nothing but what a server shows, and all of that", () => {
    const shownByPanels = namesIn(
      panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)).join("\n"),
    );
    for (const name of shownByPanels) expect([...shown]).toContain(name);
    const leftOut = [...shown].filter((name) => !shownByPanels.has(name) && !/_(count|sum)$/.test(name));
    expect(leftOut).toEqual([]);
  });

  it("gives every panel a title and a place of its own", () => {
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
    const dashboard = readFileSync(DASHBOARD, "utf8");
    expect(dashboard).not.toMatch(/https?:\/\//);
  });
});

const hasPromtool = spawnSync("promtool", ["--version"]).status === 0;

describe.skipIf(!hasPromtool)("promtool", () => {
  const promtool = (args: readonly string[], input?: string) => {
    const { status, stdout, stderr } = spawnSync("promtool", args, { input, encoding: "utf8" });
    return { status, said: `${stdout}${stderr}` };
  };

  it("finds the rules well-formed", () => {
    const { status, said } = promtool(["check", "rules", RULES]);
    expect(said).toContain("SUCCESS");
    expect(status).toBe(0);
  });

  it("sees each alert silent in health and told in trouble", () => {
    const { status, said } = promtool(["test", "rules", RULES_TEST]);
    expect(said).toContain("SUCCESS");
    expect(status).toBe(0);
  });

  it("finds nothing to say about the page", () => {
    expect(promtool(["check", "metrics"], page)).toEqual({ status: 0, said: "" });
  });
});
