/** What the body of an admin request must not be, row by row, against the real server at a socket. */
import { gzipSync } from "node:zlib";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { kidIn } from "../../manager/fleet.ts";
import { type Answer, ask, expectProblem } from "../served.ts";
import { type ControlPlane, type Given, openControlPlane } from "./served.ts";

let plane: ControlPlane;
let operator: Given;
beforeAll(async () => {
  plane = await openControlPlane();
  operator = await plane.issue("operator");
});

let generation: number;
beforeEach(() => {
  plane.told.length = 0;
  generation = plane.keys.ring().generation;
});

/** Nothing was done, and nothing of the request is in what was told. */
function expectNothingDone(...secrets: string[]): void {
  expect(plane.keys.ring().generation).toBe(generation);
  for (const secret of secrets) expect(JSON.stringify([plane.told, plane.events])).not.toContain(secret);
}

describe("a body", () => {
  const kidPath = () => `/v1/keys/${kidIn(plane.keys, "accepted")}/revoke`;
  const revoke = (body: unknown, headers = {}): Promise<Answer> =>
    plane.command(kidPath(), operator.token, body, headers);

  it("is refused over 16 KiB, declared or not", async () => {
    const large = JSON.stringify({ reason: "x".repeat(16_384) });
    expectProblem(await revoke(large, { "Content-Length": large.length }), 413, "body_too_large");
    expectProblem(await revoke(large, { "Transfer-Encoding": "chunked" }), 413, "body_too_large");
    expectNothingDone();
  });

  it("is not unpacked", async () => {
    const bomb = gzipSync(JSON.stringify({ reason: "x".repeat(10_000_000) }));
    const headers = { "Content-Type": "application/json", "Content-Encoding": "gzip", "If-Match": "*" };
    const answer = await ask(plane.url, {
      method: "POST",
      path: kidPath(),
      headers: { ...headers, Authorization: `Bearer ${operator.token}` },
      body: bomb,
    });
    expectProblem(answer, 415, "media_type_unsupported");
    expectNothingDone();
  });

  for (const type of [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "application/xml",
    "",
  ]) {
    it(`is refused as ${type || "nothing in particular"}`, async () => {
      const answer = await revoke('{"reason":"stolen"}', { "Content-Type": type });
      expectProblem(answer, 415, "media_type_unsupported");
      expectNothingDone();
    });
  }

  const malformed: readonly [string, string, string][] = [
    ["nothing", "", "/"],
    ["half of it", '{"reason":"stol', "/"],
    ["a list", '[{"reason":"stolen"}]', "/"],
    ["null", "null", "/"],
    ["a number", "7", "/"],
    ["nested deeper than 8", `{"reason":${"[".repeat(8)}${"]".repeat(8)}}`, "/reason/0/0/0/0/0/0/0"],
    ["nested without end", `{"reason":${"[".repeat(8000)}`, "/"],
    ["a member twice", '{"reason":"stolen","reason":"lost"}', "/reason"],
    ["two documents", '{"reason":"stolen"}{"reason":"lost"}', "/"],
  ];
  for (const [what, body, at] of malformed) {
    it(`is refused when it is ${what}, with a pointer`, async () => {
      const { problems } = expectProblem(await revoke(body), 400, "body_invalid");
      expect(problems).toMatchObject([{ at }]);
      expectNothingDone();
    });
  }

  const wrong: readonly [string, unknown, string][] = [
    ["no reason", {}, "/reason"],
    ["a reason that is no text", { reason: 7 }, "/reason"],
    ["an unknown member", { reason: "stolen", force: true }, "/force"],
    ["a mistyped member", { reason: "stolen", emergancy: true }, "/emergancy"],
    ["a flag as text", { reason: "stolen", emergency: "true" }, "/emergency"],
    ["a flag as number", { reason: "stolen", emergency: 1 }, "/emergency"],
    ["an author", { reason: "stolen", actor: "root" }, "/actor"],
  ];
  for (const [what, body, at] of wrong) {
    it(`is refused for ${what}, with a pointer`, async () => {
      const { problems } = expectProblem(await revoke(body), 422, "fields_invalid");
      expect(problems).toMatchObject([{ at }]);
      expectNothingDone();
    });
  }

  const reasons: readonly [string, string][] = [
    ["empty", ""],
    ["blank", "   "],
    ["longer than 500", "x".repeat(501)],
    ["with a line feed", 'stolen\n{"level":30,"msg":"forged"}'],
    ["with a carriage return", "stolen\rforged"],
    ["with an escape sequence", "stolen\u001b[2J"],
    ["with a change of direction", "stolen\u202eforged"],
    ["with a line separator", "stolen\u2028forged"],
    ["with a zero width space", "stolen\u200bforged"],
    ["the schedule's own", "retired"],
  ];
  for (const [what, reason] of reasons) {
    it(`is refused for a reason that is ${what}`, async () => {
      const answer = await revoke({ reason });
      expectProblem(answer, 422, "reason_invalid");
      expect(answer.body).not.toContain("forged");
      expectNothingDone("forged");
    });
  }
});
