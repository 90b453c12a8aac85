import { describe, expect, it } from "vitest";
import { type ErrorCode, KeyturnError } from "../../src/errors.ts";
import { apiTokenCheck } from "../../src/http/api-token.ts";
import { createApp } from "../../src/http/app.ts";
import { JWKS_PATH, jwksAnswers } from "../../src/http/jwks.ts";
import { problemResponse } from "../../src/http/problem.ts";
import type { KeyManager } from "../../src/manager/manager.ts";
import type { KeyturnEvent } from "../../src/telemetry/events.ts";
import { openAlone } from "../manager/fleet.ts";
import { API_TOKEN } from "./served.ts";

const SECRET = "d-of-a-private-key-3UQKwGr-TAc0nOlu0xQ3tjrE1XlRISVB6Lw";

/** An app whose manager is real, but for one thing that it does by throwing. */
async function failing(replaced: (fail: () => never) => Partial<KeyManager>, error: () => unknown) {
  const { keys } = await openAlone();
  const fail = () => {
    throw error();
  };
  const told: KeyturnEvent[] = [];
  const app = createApp({
    manager: { ...keys, ...replaced(fail) },
    apiToken: await apiTokenCheck(API_TOKEN),
    answers: jwksAnswers(keys),
    onEvent: (event) => told.push(event),
  });
  return { app, told };
}

const signing = (app: Awaited<ReturnType<typeof failing>>["app"]) =>
  app.request("/v1/tokens", {
    method: "POST",
    headers: { Authorization: `Bearer ${API_TOKEN}`, "Content-Type": "application/json" },
    body: '{"claims":{}}',
  });

const everythingIn = async (response: Response) =>
  JSON.stringify([...response.headers, response.statusText, await response.clone().text()]);

describe("an error that is not keyturn's own", () => {
  const thrown: readonly [string, () => unknown][] = [
    ["an Error", () => new TypeError(SECRET, { cause: new Error(SECRET) })],
    ["a look-alike of ours", () => Object.assign(new Error(SECRET), { code: "claims_invalid", fix: SECRET })],
    [
      "an error with a response of its own",
      () => Object.assign(new Error(SECRET), { status: 418, res: new Response(SECRET) }),
    ],
  ];
  for (const [what, error] of thrown) {
    it(`is answered 500 internal and nothing else: ${what}`, async () => {
      const { app, told } = await failing((fail) => ({ sign: async () => fail() }), error);
      const response = await signing(app);
      expect(response.status).toBe(500);
      expect(response.headers.get("Content-Type")).toBe("application/problem+json");
      expect(response.headers.get("Cache-Control")).toBe("no-store");
      expect(await everythingIn(response)).not.toContain(SECRET);
      expect(await response.json()).toEqual({
        type: "urn:keyturn:problem:internal",
        title: "Internal",
        status: 500,
        code: "internal",
      });
      expect(told).toMatchObject([{ type: "request_failed", error: { message: SECRET } }]);
    });
  }

  it("is answered the same way where it strikes a GET", async () => {
    const { app, told } = await failing(
      (fail) => ({ status: fail }),
      () => new Error(SECRET),
    );
    const response = await app.request("/readyz");
    expect(response.status).toBe(500);
    expect(await everythingIn(response)).not.toContain(SECRET);
    expect(told.map(({ type }) => type)).toEqual(["request_failed"]);
    expect((await app.request(JWKS_PATH)).status).toBe(200);
  });
});

describe("an error of keyturn's own that is not the caller's doing", () => {
  it("is named by its code alone, and told with all that it says", async () => {
    const error = new KeyturnError("store_permission", `/var/lib/${SECRET} has mode 0644.`, {
      fix: `chmod 0600 /var/lib/${SECRET}`,
      problems: [{ code: "x", at: SECRET, message: SECRET }],
    });
    const { app, told } = await failing(
      (fail) => ({ sign: async () => fail() }),
      () => error,
    );
    const response = await signing(app);
    expect(response.status).toBe(503);
    expect(response.headers.get("Retry-After")).toBe("2");
    expect(await everythingIn(response)).not.toContain(SECRET);
    expect(await response.json()).toMatchObject({ code: "store_permission" });
    expect(told).toMatchObject([{ type: "token_refused", code: "store_permission" }]);
  });
});

describe("a problem document", () => {
  const error = (code: ErrorCode) =>
    new KeyturnError(code, "What was wrong.", {
      fix: "What to do.",
      problems: [{ code: "unknown_setting", at: "claims/x", message: "There is no such thing." }],
    });

  it("tells a caller what was wrong, where, and what to do", async () => {
    expect(await problemResponse(error("body_invalid")).json()).toEqual({
      type: "urn:keyturn:problem:body_invalid",
      title: "Body invalid",
      status: 400,
      code: "body_invalid",
      detail: "What was wrong.",
      fix: "What to do.",
      problems: [{ code: "unknown_setting", at: "claims/x", message: "There is no such thing." }],
    });
  });

  const statuses: readonly [ErrorCode, number][] = [
    ["body_invalid", 400],
    ["request_invalid", 400],
    ["token_in_query", 400],
    ["unauthenticated", 401],
    ["forbidden", 403],
    ["cross_origin", 403],
    ["scope_exceeded", 403],
    ["kid_unknown", 404],
    ["not_found", 404],
    ["method_not_allowed", 405],
    ["conflict", 409],
    ["rollback_impossible", 409],
    ["kid_is_emitter", 409],
    ["kid_revoked", 409],
    ["precondition_failed", 412],
    ["body_too_large", 413],
    ["media_type_unsupported", 415],
    ["claims_invalid", 422],
    ["fields_invalid", 422],
    ["idempotency_mismatch", 422],
    ["reason_invalid", 422],
    ["precondition_required", 428],
    ["rate_limited", 429],
    ["internal", 500],
    ["kek_missing", 500],
    ["ring_stale", 503],
    ["ring_tampered", 503],
    ["store_unavailable", 503],
    ["commit_unknown", 503],
  ];
  for (const [code, status] of statuses) {
    it(`has status ${status} for ${code}, in body and head alike`, async () => {
      const response = problemResponse(error(code));
      expect(response.status).toBe(status);
      const problem = (await response.json()) as Record<string, unknown>;
      expect(problem).toMatchObject({ status, code });
      expect("detail" in problem).toBe(status < 500);
      expect(response.headers.has("Retry-After")).toBe(status === 503);
      expect(response.headers.has("WWW-Authenticate")).toBe(status === 401);
      expect(response.headers.get("Cache-Control")).toBe("no-store");
    });
  }
});
