/** What is counted, by a recorder that takes no more than Workers Analytics Engine does. */
import { beforeEach, describe, expect, it } from "vitest";
import { analyticsCounters } from "../../src/cloudflare/counters.ts";
import type { AnalyticsDataset } from "../../src/cloudflare/platform.ts";
import { bearer, type Deployment, deployment, type Isolate, JWKS } from "./worker-isolate.ts";

type Point = Parameters<AnalyticsDataset["writeDataPoint"]>[0];

/** https://developers.cloudflare.com/analytics/analytics-engine/limits/ */
const LIMITS = { indexes: 1, indexBytes: 96, blobs: 20, blobBytes: 16_384, doubles: 20, points: 25 };

const bytes = (text: string) => new TextEncoder().encode(text).length;

let points: Point[];
let place: Deployment;
let isolate: Isolate;

const recorder: AnalyticsDataset = {
  writeDataPoint(point) {
    const { indexes, blobs, doubles } = point;
    const total = blobs.reduce((sum, blob) => sum + bytes(blob), 0);
    const lawful =
      indexes.length <= LIMITS.indexes &&
      indexes.every((index) => bytes(index) <= LIMITS.indexBytes) &&
      blobs.length <= LIMITS.blobs &&
      total <= LIMITS.blobBytes &&
      doubles.length <= LIMITS.doubles &&
      doubles.every(Number.isFinite);
    if (!lawful) throw new TypeError(`Not taken: ${JSON.stringify(point)}`);
    points.push(point);
  },
};

/** The sum of what was counted under a name, by detail. */
function counted(name: string): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { blobs, doubles } of points) {
    const [what, detail = ""] = blobs;
    if (what === name) sums[detail] = (sums[detail] ?? 0) + (doubles[0] ?? 0);
  }
  return sums;
}

beforeEach(async () => {
  points = [];
  place = await deployment({ KEYTURN_ANALYTICS: recorder });
  isolate = place.isolate();
});

describe("counters", () => {
  it("count what was signed, refused and denied", async () => {
    const { body } = await isolate.sign();
    await isolate.sign();
    await isolate.sign(undefined, { claims: { iss: "me" } });
    await isolate.sign("x");
    expect(counted("token_signed")).toEqual({ [body.kid]: 2 });
    expect(counted("token_refused")).toEqual({ claims_invalid: 1 });
    expect(counted("request_denied")).toEqual({ unauthenticated: 1 });
    expect(new Set(points.map(({ indexes }) => indexes[0]))).toEqual(new Set([place.ring]));
  });

  it("count a batch of a hundred in few points", async () => {
    const tokens = Array(100).fill({ claims: {} });
    const { status } = await isolate.ask("/v1/tokens/batch", {
      method: "POST",
      headers: { ...bearer("KEYTURN_API_TOKEN"), "Content-Type": "application/json" },
      body: JSON.stringify({ tokens }),
    });
    expect(status).toBe(200);
    expect(Object.values(counted("token_signed"))).toEqual([100]);
    expect(points.length).toBeLessThan(5);
  });

  it("count answers with the JWKS by status, from ring and cache alike", async () => {
    const etag = (await isolate.ask(JWKS)).headers.get("ETag") ?? "";
    for (let time = 0; time < 3; time++) await isolate.ask(JWKS);
    await isolate.ask(JWKS, { headers: { "If-None-Match": etag } });
    expect(counted("jwks_answered")).toEqual({ 200: 4, 304: 1 });
  });

  it("count calls of the object and how they end, in the background too", async () => {
    await isolate.sign();
    expect(counted("store_called")).toEqual({ "load ok": 2 });
    place.clock.advance(15);
    await isolate.ask("/livez");
    expect(counted("store_called")).toEqual({ "load ok": 4 });
    place.line = "down";
    place.clock.advance(15);
    await isolate.ask("/livez");
    expect(counted("store_called")).toEqual({ "load ok": 4, "load store_unavailable": 2 });
    expect(counted("store_failed")).toEqual({ "": 1 });
  });

  it("write no more in one invocation than is taken, whatever has happened in it", () => {
    const { onEvent, flush } = analyticsCounters(recorder, "blue");
    for (let kid = 0; kid < 60; kid++) onEvent({ type: "token_signed", kid: `${kid}` });
    flush();
    flush();
    expect(points.length).toBeLessThanOrEqual(LIMITS.points);
    while (points.length < 60) flush();
    expect(Object.values(counted("token_signed"))).toEqual(Array(60).fill(1));
  });

  it("count each commit, whoever has read it first", () => {
    const { onEvent, flush } = analyticsCounters(recorder, "r".repeat(64));
    const record = (event: string) => ({ event }) as never;
    onEvent({ type: "ring_advanced", own: true, records: [record("emit")] });
    onEvent({ type: "ring_advanced", own: false, records: [record("accept"), record("revoke")] });
    onEvent({ type: "token_signed", kid: "k".repeat(256) });
    flush();
    expect(counted("ring_advanced")).toEqual({ emit: 1, accept: 1, revoke: 1 });
  });

  it("keep no request from being answered when they cannot be written", async () => {
    const full: AnalyticsDataset = {
      writeDataPoint() {
        throw new Error("no more");
      },
    };
    const other = (await deployment({ KEYTURN_ANALYTICS: full })).isolate();
    expect((await other.sign()).status).toBe(200);
    expect(await other.kids()).toHaveLength(2);
  });
});
