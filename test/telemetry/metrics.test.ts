import { beforeEach, describe, expect, it } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import { createMetrics, type Metrics } from "../../src/telemetry/metrics.ts";
import { kidIn, openAlone, pass, SHORT, SHORT_HOLD, settle, type TestNode } from "../manager/fleet.ts";

let metrics: Metrics;
let node: TestNode;

beforeEach(async () => {
  metrics = createMetrics();
  node = await openAlone({ onEvent: metrics.onEvent });
});

/** All samples of a page by name and labels, as a scrape would read them. */
async function scraped(): Promise<Record<string, number>> {
  metrics.observe(node.keys.status());
  return samplesOf(await metrics.registry.metrics());
}

function samplesOf(page: string): Record<string, number> {
  const lines = page.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(
    lines.map((line) => {
      const space = line.lastIndexOf(" ");
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

describe("the gauges", () => {
  it("show ring and node as they stand", async () => {
    node.clock.advance(40);
    const { kek, emitter, policy } = node.keys.status();
    expect(await scraped()).toMatchObject({
      keyturn_ring_generation: 1,
      [`keyturn_ring_info{ring="${node.keys.ring().id}"}`]: 1,
      'keyturn_keys{phase="accepted"}': 1,
      'keyturn_keys{phase="emitting"}': 1,
      'keyturn_keys{phase="retiring"}': 0,
      [`keyturn_emitter_info{kid="${emitter}",alg="ES256"}`]: 1,
      [`keyturn_kek_info{kek="${kek}"}`]: 1,
      keyturn_emitter_age_seconds: 40,
      keyturn_lease_age_seconds: 40,
      keyturn_can_sign: 1,
      keyturn_step_overdue_seconds: 0,
      keyturn_paused: 0,
      keyturn_policy_mismatch: 0,
      keyturn_store_up: 1,
      'keyturn_policy_seconds{duration="lease"}': policy.leaseSeconds,
      'keyturn_policy_seconds{duration="skew"}': policy.skewSeconds,
      'keyturn_policy_seconds{duration="jwks_cache"}': policy.jwksCacheSeconds,
      'keyturn_policy_seconds{duration="rotate_every"}': policy.rotateEverySeconds,
      keyturn_clock_seconds: node.clock.now(),
      'keyturn_step_blocked{because="clock_forward"}': 0,
    });
  });

  it("count the seconds since a step was due, while nobody ticks", async () => {
    node.clock.advance(30 * 86_400 + 500);
    expect((await scraped())["keyturn_step_overdue_seconds"]).toBe(500);
    await node.keys.refresh();
    await settle(node);
    expect((await scraped())["keyturn_step_overdue_seconds"]).toBe(0);
  });

  it("name one emitter and one KEK only, however often these change", async () => {
    const before = kidIn(node.keys, "emitting");
    await scraped();
    await node.keys.revoke(before, { reason: "leaked" });
    const names = Object.keys(await scraped()).filter((name) => name.startsWith("keyturn_emitter_info"));
    expect(names).toEqual([`keyturn_emitter_info{kid="${kidIn(node.keys, "emitting")}",alg="ES256"}`]);
  });

  it("show that a node is paused, blocked or past its lease", async () => {
    await node.keys.pause();
    expect((await scraped())["keyturn_paused"]).toBe(1);
    await node.keys.resume();
    node.clock.wall += 31 * 86_400;
    node.clock.sinceBoot += 10;
    await node.keys.tick();
    expect((await scraped())['keyturn_step_blocked{because="clock_forward"}']).toBe(1);
    node.clock.advance(node.keys.status().policy.leaseSeconds + 1);
    expect((await scraped())["keyturn_can_sign"]).toBe(0);
  });

  it("show how far each audit sink is behind", async () => {
    const { now } = node.keys.status();
    metrics.observe(node.keys.status(), [
      { sink: "file", backlogRecords: 0, backlogSince: null },
      { sink: "http", backlogRecords: 3, backlogSince: now - 901 },
    ]);
    expect(samplesOf(await metrics.registry.metrics())).toMatchObject({
      'keyturn_audit_backlog_records{sink="file"}': 0,
      'keyturn_audit_backlog_seconds{sink="file"}': 0,
      'keyturn_audit_backlog_records{sink="http"}': 3,
      'keyturn_audit_backlog_seconds{sink="http"}': 901,
    });
  });

  it("count for how long the public has not been shown every key", async () => {
    expect((await scraped())["keyturn_publication_missing_seconds"]).toBe(0);
    metrics.onEvent({ type: "publication_seen", missingSince: node.clock.now() });
    node.clock.advance(301);
    expect((await scraped())["keyturn_publication_missing_seconds"]).toBe(301);
    metrics.onEvent({ type: "publication_seen", missingSince: null });
    expect((await scraped())["keyturn_publication_missing_seconds"]).toBe(0);
  });
});

describe("the counters", () => {
  it("count what this node commits, and not what others do", async () => {
    await node.keys.pause();
    await node.keys.resume();
    const samples = await scraped();
    expect(samples).toMatchObject({
      'keyturn_commits_total{event="init",trigger="automatic"}': 1,
      'keyturn_commits_total{event="pause",trigger="manual"}': 1,
    });
    metrics.onEvent({
      type: "ring_advanced",
      records: node.keys.ring().auditTail.slice(-1),
      own: false,
    });
    expect(await scraped()).toEqual(samples);
  });

  it("count an early emit", async () => {
    await node.keys.revoke(kidIn(node.keys, "accepted"), { reason: "leaked" });
    await node.keys.revoke(kidIn(node.keys, "emitting"), { reason: "leaked" });
    expect((await scraped())["keyturn_early_emits_total"]).toBe(1);
  });

  it("count an early emit that another process made, once, and none from before they ran", async () => {
    await node.keys.revoke(kidIn(node.keys, "accepted"), { reason: "leaked" });
    await node.keys.revoke(kidIn(node.keys, "emitting"), { reason: "leaked" });
    const records = node.keys.ring().auditTail;
    const last = records.at(-1);
    if (last === undefined) throw new Error("no record");
    const another = createMetrics();
    const counted = async () => samplesOf(await another.registry.metrics())["keyturn_early_emits_total"];
    another.onEvent({ type: "ring_advanced", records, own: false });
    expect(await counted()).toBe(0);
    const next = [{ ...last, generation: last.generation + 1 }];
    for (let time = 0; time < 2; time++)
      another.onEvent({ type: "ring_advanced", records: next, own: false });
    expect(await counted()).toBe(1);
  });

  it("count tokens by kid and outcome, and forget the kids that have left the ring", async () => {
    const first = kidIn(node.keys, "emitting");
    metrics.onEvent({ type: "token_signed", kid: first });
    metrics.onEvent({ type: "token_signed", kid: first });
    metrics.onEvent({ type: "token_refused", kid: first, code: "unauthenticated" });
    metrics.onEvent({ type: "token_refused", kid: null, code: "unauthenticated" });
    expect(await scraped()).toMatchObject({
      [`keyturn_signatures_total{kid="${first}",outcome="signed"}`]: 2,
      [`keyturn_signatures_total{kid="${first}",outcome="unauthenticated"}`]: 1,
      'keyturn_signatures_total{kid="",outcome="unauthenticated"}': 1,
    });
    await node.keys.revoke(first, { reason: "leaked" });
    const left = Object.keys(await scraped()).filter((name) => name.startsWith("keyturn_signatures"));
    expect(left).toEqual(['keyturn_signatures_total{kid="",outcome="unauthenticated"}']);
  });

  it("count whatever else is told", async () => {
    const error = new KeyturnError("store_unavailable", "Down.", { fix: "Wait." });
    metrics.onEvent({ type: "conflict" });
    metrics.onEvent({ type: "commit_reconciled", committed: true });
    metrics.onEvent({ type: "step_blocked", because: "audit_backlog" });
    metrics.onEvent({ type: "tick_failed", error });
    metrics.onEvent({ type: "audit_failed", error });
    metrics.onEvent({ type: "request_failed", error });
    metrics.onEvent({ type: "jwks_answered", status: 304 });
    metrics.onEvent({ type: "store_failed", error });
    metrics.onEvent({ type: "store_called", operation: "load", outcome: "store_unavailable", seconds: 0.3 });
    const denied = { action: "rotate", caller: null, code: "forbidden", path: "/v1/ring/rotate" };
    metrics.onEvent({ type: "request_denied", ...denied });
    const token = { id: "t_1", name: "ci", role: "signer", successor: null, by: "cli", reason: null };
    metrics.onEvent({ type: "api_token_changed", event: "issued", ...token });
    const told = await scraped();
    expect(told).toMatchObject({
      keyturn_conflicts_total: 1,
      'keyturn_commits_reconciled_total{committed="true"}': 1,
      'keyturn_steps_blocked_total{because="audit_backlog"}': 1,
      keyturn_tick_failures_total: 1,
      keyturn_audit_failures_total: 1,
      keyturn_request_failures_total: 1,
      'keyturn_jwks_answers_total{code="304"}': 1,
      'keyturn_store_failures_total{code="store_unavailable"}': 1,
      keyturn_store_up: 0,
      'keyturn_store_seconds_bucket{le="0.25",operation="load",outcome="store_unavailable"}': 0,
      'keyturn_store_seconds_bucket{le="0.5",operation="load",outcome="store_unavailable"}': 1,
      'keyturn_requests_denied_total{action="rotate",code="forbidden"}': 1,
      'keyturn_api_tokens_changed_total{event="issued"}': 1,
    });
    metrics.onEvent({ type: "store_recovered" });
    expect((await scraped())["keyturn_store_up"]).toBe(1);
  });
});

describe("a verifier that is watched", () => {
  it("is counted by kid and outcome; kids that nobody published share one series", async () => {
    const stats = {
      kids: { a: { verified: 5, refused: { expired: 2 } } },
      refused: { expired: 2, kid_unknown: 7 } as Record<string, number>,
    };
    metrics.watchVerifier("orders", { stats: () => stats });
    await scraped();
    stats.refused["kid_unknown"] = 8;
    expect(await scraped()).toMatchObject({
      'keyturn_verifications_total{verifier="orders",kid="a",outcome="verified"}': 5,
      'keyturn_verifications_total{verifier="orders",kid="a",outcome="expired"}': 2,
      'keyturn_verifications_total{verifier="orders",kid="unknown",outcome="kid_unknown"}': 8,
    });
  });
});

describe("two sets of metrics", () => {
  it("in one process do not count for each other", async () => {
    const other = createMetrics();
    other.onEvent({ type: "conflict" });
    expect((await scraped())["keyturn_conflicts_total"]).toBe(0);
  });
});

describe("a ring that turns over often", () => {
  it("leaves no series behind", async () => {
    node = await openAlone({ policy: SHORT, onEvent: metrics.onEvent });
    const sizes = new Set<number>();
    for (let turn = 0; turn < 12; turn++) {
      metrics.onEvent({ type: "token_signed", kid: node.keys.status().emitter });
      await pass(node, SHORT.rotateEverySeconds + SHORT_HOLD);
      await settle(node);
      const names = Object.keys(await scraped()).filter((name) => name.includes("kid="));
      sizes.add(names.length);
    }
    expect(Math.max(...sizes)).toBeLessThanOrEqual(5);
  });
});
