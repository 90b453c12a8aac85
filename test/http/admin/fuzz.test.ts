/** Requests to the control plane that nobody thought of: refused in form, and nothing inside goes wrong. */
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { OpenApiDocument } from "../../../src/http/admin/openapi.ts";
import { assertFaultless } from "../../fuzz/service.ts";
import { type ControlPlane, openControlPlane } from "./served.ts";

const RUNS = 150;
const INPUT = "zq7vInputOfTheCaller";

let plane: ControlPlane;
let token: string;
let document: OpenApiDocument;
beforeAll(async () => {
  const limits = { caller: { perSecond: 1, burst: 1e9 }, denials: { perSecond: 1, burst: 1e9 } };
  plane = await openControlPlane({}, { limits }, { limits });
  ({ token } = await plane.issue("security"));
  document = (await (await plane.admin.request("/openapi.json")).json()) as OpenApiDocument;
});

const names = fc.constantFrom(
  ...["reason", "emergency", "policy", "name", "role", "scope", "expiresInSeconds", "overlapSeconds", "line"],
  ...["__proto__", "constructor", "toString", "", `${INPUT}${"x".repeat(20)}`],
);
const values = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(INPUT, "signer", "security", 1e308, -0, 2 ** 53, "\u202e", "x".repeat(600)),
);
const body = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.dictionary(names, values, { maxKeys: 5 }).map((drawn) => JSON.stringify(drawn)),
  },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
);
const parameter = fc.oneof(
  fc.string({ minLength: 1 }),
  fc.constantFrom(INPUT, "..", ".", "%", "%2e%2e", "self"),
);
const header = fc
  .string({
    unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
    maxLength: 20,
  })
  .map((text) => text.trim());

describe("the control plane", () => {
  it("answers whatever comes, with nothing that went wrong inside and nothing of what was sent", async () => {
    const all = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ path, method: method.toUpperCase() })),
    );
    const statuses = new Set<number>();
    const request = fc.record({
      operation: fc.constantFrom(...all),
      parameter,
      query: fc.option(fc.webQueryParameters(), { freq: 3 }),
      body,
      ifMatch: fc.oneof({ weight: 3, arbitrary: fc.constant("*") }, header),
      key: fc.option(header, { freq: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(request, async ({ operation: { path, method }, ...drawn }) => {
        const written = encodeURIComponent(drawn.parameter.replace(/\p{Surrogate}/gu, ""));
        const target = path.replace(/\{\w+\}/, written) + (drawn.query === null ? "" : `?${drawn.query}`);
        const headers: Record<string, string> = {
          Authorization: `Bearer ${token}`,
          "Content-Type": "application/json",
          "If-Match": drawn.ifMatch,
          ...(drawn.key === null ? {} : { "Idempotency-Key": drawn.key }),
        };
        const app = path.startsWith("/v1/tokens") ? plane.app : plane.admin;
        const response = await app.request(target, {
          method,
          headers,
          ...(method === "GET" ? {} : { body: drawn.body }),
        });
        statuses.add(response.status);
        if (response.status === 201) return;
        const { status, headers: answered } = response;
        assertFaultless({ status, headers: answered, body: await response.text() });
      }),
      { numRuns: RUNS },
    );
    expect(plane.told.filter(({ type }) => type === "request_failed")).toEqual([]);
    expect(statuses.size).toBeGreaterThan(3);
  });
});
