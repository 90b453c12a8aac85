import { beforeEach, describe, expect, it } from "vitest";
import { DEFAULT_POLICY } from "../../../src/ring/policy.ts";
import { kidIn, openNode, settle } from "../../manager/fleet.ts";
import { START } from "../../manager/manual-clock.ts";
import { expectProblem } from "../served.ts";
import { type ControlPlane, type Given, openControlPlane } from "./served.ts";

let plane: ControlPlane;
let operator: Given;
beforeEach(async () => {
  plane = await openControlPlane();
  operator = await plane.issue("operator");
});

const REASON = { reason: "laptop with the backup was stolen" };

async function turnOver(): Promise<void> {
  plane.clock.advance(DEFAULT_POLICY.rotateEverySeconds + 1);
  await settle(plane);
}

const lastRecord = () => plane.keys.ring().auditTail.at(-1);

describe("the ring as it is read", () => {
  it("shows keys, phases, instants and the steps ahead, with an ETag, kept by nobody", async () => {
    const answer = await plane.ask({ path: "/v1/ring", token: operator.token });
    expect(answer.status).toBe(200);
    expect(answer.headers["cache-control"]).toBe("no-store");
    expect(answer.headers.etag).toBe(plane.etag());
    const view = JSON.parse(answer.body);
    expect(view).toEqual(
      JSON.parse(JSON.stringify({ ...plane.keys.status(), timeline: plane.keys.plan(6) })),
    );
    expect(view.keys.map(({ phase }: { phase: string }) => phase)).toEqual(["emitting", "accepted"]);
    expect(view.timeline[0]).toMatchObject({ step: "emit", hold: { terms: expect.any(Array) } });
  });

  it("has not a byte of a private key, sealed or not", async () => {
    const { body } = await plane.ask({ path: "/v1/ring", token: operator.token });
    for (const { sealedJwk } of plane.keys.ring().keys) {
      for (const part of sealedJwk.split(".")) expect(body).not.toContain(part);
    }
    expect(body).not.toMatch(/"(d|p|q|dp|dq|qi|k|sealedJwk)":/);
  });

  it("is answered to a HEAD without its body", async () => {
    const answer = await plane.ask({ method: "HEAD", path: "/v1/ring", token: operator.token });
    expect([answer.status, answer.headers.etag, answer.body]).toEqual([200, plane.etag(), ""]);
  });

  it("is never written by reading it", async () => {
    const { generation } = plane.keys.ring();
    plane.clock.advance(DEFAULT_POLICY.rotateEverySeconds * 2);
    for (const path of ["/v1/ring", "/v1/audit"]) await plane.ask({ path, token: operator.token });
    await plane.keys.refresh();
    expect(plane.keys.ring().generation).toBe(generation);
  });
});

describe("a command", () => {
  it("is recorded under the name and id of its API token, whatever the request says of its author", async () => {
    const headers = { "X-Forwarded-User": "root", "X-User": "root", From: "root@example.com" };
    const answer = await plane.command("/v1/ring/pause", operator.token, { reason: "maintenance" }, headers);
    expect(JSON.parse(answer.body)).toMatchObject({ changed: true, generation: 2 });
    expect(answer.headers.etag).toBe(plane.etag());
    expect(lastRecord()).toMatchObject({
      event: "pause",
      trigger: "manual",
      actor: `the operator (${operator.id})`,
      reason: "maintenance",
    });
  });

  it("may come without a body where it needs none", async () => {
    expect((await plane.command("/v1/ring/pause", operator.token)).status).toBe(200);
    expect((await plane.command("/v1/ring/resume", operator.token, {})).status).toBe(200);
    expect(plane.keys.status().pausedAt).toBe(null);
  });

  it("rotates, and says when the next key emits", async () => {
    plane.clock.advance(1300);
    expect(JSON.parse((await plane.command("/v1/ring/rotate", operator.token)).body)).toMatchObject({
      changed: true,
      rotation: "emitted",
      emitter: plane.keys.status().emitter,
    });
    const again = await plane.command("/v1/ring/rotate", operator.token);
    expect([again.status, JSON.parse(again.body)]).toMatchObject([
      200,
      { changed: false, rotation: "just_done" },
    ]);
  });

  it("waits for the hold, and says so however often it is asked", async () => {
    const first = JSON.parse((await plane.command("/v1/ring/rotate", operator.token)).body);
    expect(first).toMatchObject({ rotation: "scheduled", emitsAt: expect.any(Number) });
    const again = JSON.parse((await plane.command("/v1/ring/rotate", operator.token)).body);
    expect(again).toMatchObject({ changed: false, rotation: "in_progress", emitsAt: first.emitsAt });
  });

  it("rolls back", async () => {
    const first = plane.keys.status().emitter;
    await turnOver();
    const answer = await plane.command("/v1/ring/rollback", operator.token, { reason: "a verifier fails" });
    expect(JSON.parse(answer.body)).toMatchObject({ changed: true, emitter: first });
  });

  it("is refused where there is nothing to roll back to", async () => {
    const answer = await plane.command("/v1/ring/rollback", operator.token, { reason: "a verifier fails" });
    expectProblem(answer, 409, "rollback_impossible");
  });

  it("puts a whole policy in force, and no half one", async () => {
    const { token } = await plane.issue("security");
    const policy = { ...DEFAULT_POLICY, tokenSeconds: 600, rsaBits: 2048 };
    const half = await plane.command("/v1/ring/policy", token, { policy: { tokenSeconds: 600 } });
    const { problems } = expectProblem(half, 422, "fields_invalid");
    expect(problems.map(({ at }: { at: string }) => at)).toContain("/policy/rotateEverySeconds");
    const unsound = await plane.command("/v1/ring/policy", token, { policy: { ...policy, leaseSeconds: 1 } });
    expectProblem(unsound, 422, "policy_invalid");
    expect(plane.keys.ring().policy).toEqual(DEFAULT_POLICY);
    expect((await plane.command("/v1/ring/policy", token, { policy })).status).toBe(200);
    expect(plane.keys.ring().policy).toEqual(policy);
  });
});

describe("a tick", () => {
  it("takes the step that is due, by a scheduler, without If-Match", async () => {
    const { token } = await plane.issue("scheduler");
    const tick = () => plane.ask({ method: "POST", path: "/v1/ring/tick", token });
    expect(JSON.parse((await tick()).body)).toMatchObject({ step: null, blocked: null });
    plane.clock.advance(DEFAULT_POLICY.rotateEverySeconds + 1);
    expect(JSON.parse((await tick()).body)).toMatchObject({ step: { step: "emit" } });
    expect(lastRecord()).toMatchObject({ event: "emit", trigger: "automatic", actor: "schedule" });
  });
});

describe("a revoke", () => {
  it("says by when verifiers refuse the key, and for whom there is no such bound", async () => {
    const kid = kidIn(plane.keys, "accepted");
    const answer = await plane.command(`/v1/keys/${kid}/revoke`, operator.token, REASON);
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toEqual({
      changed: true,
      generation: 2,
      emitter: plane.keys.status().emitter,
      kid,
      earlyEmit: false,
      refusedByAt: START + 1200,
      unboundedFor: expect.arrayContaining([expect.stringMatching(/restart them/)]),
      liveTokens: null,
    });
    expect(plane.keys.status().revoked).toMatchObject([{ kid, revokedBecause: REASON.reason }]);
  });

  it("of the key that signs must be called an emergency, and says that the successor is early", async () => {
    const kid = plane.keys.status().emitter;
    const path = `/v1/keys/${kid}/revoke`;
    expectProblem(await plane.command(path, operator.token, REASON), 409, "kid_is_emitter");
    const denied = await plane.command(path, operator.token, { ...REASON, emergency: false });
    expectProblem(denied, 409, "kid_is_emitter");
    expect(plane.keys.ring().generation).toBe(1);
    const answer = await plane.command(path, operator.token, { ...REASON, emergency: true });
    expect(JSON.parse(answer.body)).toMatchObject({ kid, earlyEmit: true, changed: true });
    expect(plane.keys.status().emitter).not.toBe(kid);
  });

  it("tells how many tokens it voids where somebody counts", async () => {
    const counting = await openControlPlane({}, { liveTokens: (kid) => kid.length });
    const { token } = await counting.issue("operator");
    const kid = counting.keys.status().emitter;
    const answer = await counting.command(`/v1/keys/${kid}/revoke`, token, { ...REASON, emergency: true });
    expect(JSON.parse(answer.body).liveTokens).toBe(kid.length);
  });

  it("of a revoked key is refused, because it was done", async () => {
    const path = `/v1/keys/${kidIn(plane.keys, "accepted")}/revoke`;
    expect((await plane.command(path, operator.token, REASON)).status).toBe(200);
    expectProblem(await plane.command(path, operator.token, REASON), 409, "kid_revoked");
  });

  it("spares a key that began to sign while the request was on its way", async () => {
    const other = await openNode(plane.place, { clock: plane.clock });
    const kid = kidIn(plane.keys, "accepted");
    plane.clock.advance(DEFAULT_POLICY.rotateEverySeconds + 1);
    await settle(other);
    expect(plane.keys.status().emitter).not.toBe(kid);
    const answer = await plane.ask({
      method: "POST",
      path: `/v1/keys/${kid}/revoke`,
      token: operator.token,
      body: REASON,
      headers: { "If-Match": "*" },
    });
    expectProblem(answer, 409, "kid_is_emitter");
  });
});

describe("the audit", () => {
  it("is read from any generation on, page by page", async () => {
    for (const path of ["/v1/ring/pause", "/v1/ring/resume", "/v1/ring/pause"]) {
      await plane.command(path, operator.token);
    }
    const read = async (query: string) =>
      JSON.parse((await plane.ask({ path: `/v1/audit${query}`, token: operator.token })).body);
    const all = await read("");
    expect(all).toEqual({
      ring: plane.keys.ring().id,
      records: JSON.parse(JSON.stringify(plane.keys.ring().auditTail)),
      next: null,
    });
    const events = (page: typeof all) => page.records.map(({ event }: { event: string }) => event);
    expect(events(all)).toEqual(["init", "pause", "resume", "pause"]);
    const page = await read("?after=1&limit=2");
    expect([events(page), page.next]).toEqual([["pause", "resume"], 3]);
    expect(events(await read(`?after=${page.next}`))).toEqual(["pause"]);
    expect(await read("?after=4")).toMatchObject({ records: [], next: null });
  });

  it("comes from a source that goes further back, where there is one", async () => {
    const asked: number[][] = [];
    const source = {
      read(after: number, limit: number) {
        asked.push([after, limit]);
        return [];
      },
    };
    const { issue, ask } = await openControlPlane({}, { audit: source });
    const { token } = await issue("security");
    await ask({ path: "/v1/audit?after=7&limit=1000", token });
    await ask({ path: "/v1/audit", token });
    expect(asked).toEqual([
      [7, 1000],
      [0, 100],
    ]);
  });
});
