import { beforeEach, describe, expect, it } from "vitest";
import { expectProblem } from "../served.ts";
import { type ControlPlane, type Given, openControlPlane } from "./served.ts";

let plane: ControlPlane;
let operator: Given;
beforeEach(async () => {
  plane = await openControlPlane();
  operator = await plane.issue("operator");
});

const KEY = { "Idempotency-Key": "5e0f3c5a-8a3e-4c55-9f0c-0a7f7f1f0b11" };

describe("a command that is sent again under its key", () => {
  it("is done once, though its If-Match has long been overtaken", async () => {
    const headers = { ...KEY, "If-Match": plane.etag() };
    const first = await plane.command("/v1/ring/pause", operator.token, { reason: "quiet" }, headers);
    await plane.keys.resume();
    const again = await plane.command("/v1/ring/pause", operator.token, { reason: "quiet" }, headers);
    expect(JSON.parse(first.body)).toMatchObject({ changed: true, generation: 2 });
    expect([again.status, again.body, again.headers.etag]).toEqual([200, first.body, first.headers.etag]);
    expect([first.headers["idempotency-replayed"], again.headers["idempotency-replayed"]]).toEqual([
      undefined,
      "true",
    ]);
    expect(plane.keys.ring().generation).toBe(3);
    expect(plane.keys.status().pausedAt).toBe(null);
  });

  it("is done once when both arrive together", async () => {
    const headers = { ...KEY, "If-Match": "*" };
    const answers = await Promise.all(
      [1, 2, 3].map(() => plane.command("/v1/ring/rotate", operator.token, {}, headers)),
    );
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
    expect(JSON.parse(answers[0]?.body ?? "")).toMatchObject({ changed: true });
    expect(plane.keys.ring().generation).toBe(2);
  });

  it("is not another command: not with another body, nor at another path", async () => {
    const headers = { ...KEY, "If-Match": "*" };
    await plane.command("/v1/ring/pause", operator.token, { reason: "quiet" }, headers);
    for (const [path, body] of [
      ["/v1/ring/pause", { reason: "loud" }],
      ["/v1/ring/pause", {}],
      ["/v1/ring/resume", { reason: "quiet" }],
    ] as const) {
      const answer = await plane.command(path, operator.token, body, headers);
      expectProblem(answer, 422, "idempotency_mismatch");
    }
    expect(plane.keys.ring().generation).toBe(2);
  });

  it("is another's when another sends it", async () => {
    const headers = { ...KEY, "If-Match": "*" };
    await plane.command("/v1/ring/pause", operator.token, {}, headers);
    const other = await plane.issue("security");
    const answer = await plane.command("/v1/ring/resume", other.token, {}, headers);
    expect(JSON.parse(answer.body)).toMatchObject({ changed: true, generation: 3 });
  });

  it("is decided anew when it was refused before, for a refusal left nothing behind", async () => {
    const stale = await plane.command("/v1/ring/pause", operator.token, {}, { ...KEY, "If-Match": '"x"' });
    expectProblem(stale, 412, "precondition_failed");
    expect((await plane.command("/v1/ring/pause", operator.token, {}, KEY)).status).toBe(200);
  });

  it("is decided anew when the store did not answer", async () => {
    plane.store.down = true;
    expect((await plane.command("/v1/ring/pause", operator.token, {}, KEY)).status).toBe(503);
    plane.store.down = false;
    expect((await plane.command("/v1/ring/pause", operator.token, {}, KEY)).status).toBe(200);
  });

  it("is new after a day", async () => {
    const headers = { ...KEY, "If-Match": "*" };
    await plane.command("/v1/ring/pause", operator.token, {}, headers);
    plane.clock.advance(86_399);
    await plane.apiTokens.refresh();
    expect((await plane.command("/v1/ring/resume", operator.token, {}, headers)).status).toBe(422);
    plane.clock.advance(1);
    expect((await plane.command("/v1/ring/resume", operator.token, {}, headers)).status).toBe(200);
  });
});

describe("an API token that is ordered again under its key", () => {
  it("is not made twice, and its value is not told twice", async () => {
    const { token } = await plane.issue("security");
    const order = () =>
      plane.ask({
        method: "POST",
        path: "/v1/api-tokens",
        token,
        headers: KEY,
        body: { name: "checkout", role: "signer" },
      });
    const [first, second] = await Promise.all([order(), order()]);
    const third = await order();
    const values = [first, second, third].map(({ body }) => JSON.parse(body).token);
    expect(values.filter((value) => value !== null)).toHaveLength(1);
    expect(plane.apiTokens.list().filter(({ name }) => name === "checkout")).toHaveLength(1);
    expect(JSON.parse(third.body).apiToken.name).toBe("checkout");
  });
});

describe("a key that can be none", () => {
  for (const [what, key] of [
    ["empty", ""],
    ["longer than 200 characters", "x".repeat(201)],
    ["more than one word", "a b"],
    ["not ASCII", "caf\u00e9"],
  ] as const) {
    it(`is refused: ${what}`, async () => {
      const answer = await plane.command("/v1/ring/pause", operator.token, {}, { "Idempotency-Key": key });
      expectProblem(answer, 400, "request_invalid");
      expect(plane.keys.ring().generation).toBe(1);
    });
  }

  it("may have 200 characters", async () => {
    const headers = { "Idempotency-Key": "~".repeat(200) };
    expect((await plane.command("/v1/ring/pause", operator.token, {}, headers)).status).toBe(200);
  });
});
