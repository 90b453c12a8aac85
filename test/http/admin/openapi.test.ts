/** Every operation, driven by what /openapi.json says of it: good, and bad in each way that it names. */
import { beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { createAdminApp } from "../../../src/http/admin/app.ts";
import type { OpenApiDocument, OpenApiOperation } from "../../../src/http/admin/openapi.ts";
import { DEFAULT_POLICY } from "../../../src/ring/policy.ts";
import { kidIn, openAlone, settle } from "../../manager/fleet.ts";
import { expectProblem } from "../served.ts";
import { type ControlPlane, openControlPlane } from "./served.ts";

const stub = (await openAlone()).keys;
const described = createAdminApp({
  manager: stub,
  authenticate: async () => null,
  apiTokens: {} as never,
});
const document = (await (await described.request("/openapi.json")).json()) as OpenApiDocument;

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    ...operation,
    path,
    method: method.toUpperCase(),
  })),
);

interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: unknown;
}

/** What no schema can know: names of things that are there, and numbers that make sense together. */
const KNOWN: Readonly<Record<string, (plane: ControlPlane) => Promise<unknown> | unknown>> = {
  kid: ({ keys }) => kidIn(keys, "accepted"),
  id: async (plane) => (await plane.issue("signer")).id,
  policy: () => ({ ...DEFAULT_POLICY, tokenSeconds: 600 }),
  reason: () => "the test says so",
  expiresInSeconds: () => 60,
  overlapSeconds: () => 300,
  after: () => "0",
  limit: () => "5",
};

async function example(schema: Schema, plane: ControlPlane): Promise<unknown> {
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.anyOf !== undefined) return example(schema.anyOf[0] as Schema, plane);
  if (schema.type === "array") return [await example(schema.items ?? {}, plane)];
  if (schema.type === "boolean") return false;
  if (schema.type === "object") {
    const members: Record<string, unknown> = {};
    for (const name of schema.required ?? []) {
      members[name] = await (KNOWN[name]?.(plane) ?? example(schema.properties?.[name] ?? {}, plane));
    }
    return members;
  }
  return schema.type === "string" ? "example" : 1;
}

const bodySchema = ({ requestBody }: OpenApiOperation): Schema | undefined =>
  requestBody?.content["application/json"].schema as Schema | undefined;

const successOf = ({ responses }: OpenApiOperation) => {
  const status = Object.keys(responses).find((one) => one.startsWith("2")) as string;
  const { content } = responses[status] as { content: Record<string, { schema: object }> };
  return { status: Number(status), schema: content["application/json"]?.schema as object };
};

/** The role that may; of those that may, whoever is named first. */
const roleFor = ({ description }: OpenApiOperation) =>
  (/roles: (\w+)/.exec(description)?.[1] ?? "signer") as "signer" | "scheduler" | "operator" | "security";

async function good(plane: ControlPlane, operation: (typeof operations)[number]) {
  const { token } = await plane.issue(roleFor(operation));
  let { path } = operation;
  const query = new URLSearchParams();
  const headers: Record<string, string> = {};
  for (const { name, in: where } of operation.parameters) {
    if (where === "header") headers[name] = name === "If-Match" ? plane.etag() : crypto.randomUUID();
    else {
      const value = String(await KNOWN[name]?.(plane));
      if (where === "path") path = path.replace(`{${name}}`, value);
      else query.set(name, value);
    }
  }
  const asksForMore = operation.operationId === "rotateApiToken";
  const schema = bodySchema(operation);
  return {
    method: operation.method,
    path: query.size === 0 ? path : `${path}?${query}`,
    token: asksForMore ? (await plane.issue("security")).token : token,
    headers,
    ...(schema === undefined ? {} : { body: await example(schema, plane) }),
  };
}

async function turnedOver(): Promise<ControlPlane> {
  const plane = await openControlPlane();
  await settle(plane);
  plane.clock.advance(DEFAULT_POLICY.rotateEverySeconds + 1);
  await settle(plane);
  return plane;
}

describe("the description", () => {
  it("is OpenAPI 3.1, open to everyone, and lists each operation once", async () => {
    expect(document.openapi).toBe("3.1.0");
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.sort()).toEqual([
      "applyPolicy",
      "issueApiToken",
      "listApiTokens",
      "pause",
      "readAudit",
      "readOwnApiToken",
      "readRing",
      "resume",
      "revokeApiToken",
      "revokeKey",
      "rollback",
      "rotate",
      "rotateApiToken",
      "signToken",
      "signTokens",
      "tick",
    ]);
  });

  it("names every parameter that stands in a path", () => {
    for (const { path, parameters } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect(parameters.filter((one) => one.in === "path").map(({ name }) => name)).toEqual(inPath);
      expect(parameters.filter((one) => one.in === "path").every(({ required }) => required)).toBe(true);
    }
  });

  it("lets no object have members that it does not name, save claims", () => {
    const loose: string[] = [];
    const visit = (schema: Schema, at: string) => {
      if (schema.properties !== undefined && schema.additionalProperties !== false) loose.push(at);
      for (const [name, inner] of Object.entries(schema.properties ?? {})) visit(inner, `${at}/${name}`);
      for (const inner of [...(schema.anyOf ?? []), ...(schema.items ? [schema.items] : [])])
        visit(inner, at);
    };
    for (const operation of operations) visit(bodySchema(operation) ?? {}, operation.operationId);
    expect(loose).toEqual([]);
  });

  it("resolves every reference", () => {
    for (const [, pointer] of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const found = (pointer as string)
        .split("/")
        .reduce((at: unknown, step) => (at as Record<string, unknown>)[step], document);
      expect(found, pointer).toBeTypeOf("object");
    }
  });
});

describe.each(operations)("$method $path", (operation) => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await turnedOver();
  });

  it("refuses who has no API token", async () => {
    const { token: _, ...request } = await good(plane, operation);
    expectProblem(await plane.ask(request), 401, "unauthenticated");
  });

  const required = operation.parameters.filter((one) => one.in === "header" && one.required);
  for (const { name } of required) {
    it(`refuses a request without ${name}`, async () => {
      const request = await good(plane, operation);
      const { [name]: _, ...headers } = request.headers;
      expectProblem(await plane.ask({ ...request, headers }), 428, "precondition_required");
    });
  }

  it("refuses a query that it does not take", async () => {
    const request = await good(plane, operation);
    const path = `${request.path}${request.path.includes("?") ? "&" : "?"}nonsense=1`;
    expectProblem(await plane.ask({ ...request, path }), 400, "request_invalid");
  });

  const schema = bodySchema(operation);
  if (schema !== undefined) {
    it("refuses a member that it does not take, and a body that is none", async () => {
      const request = await good(plane, operation);
      const more = { ...(request.body as object), nonsense: 1 };
      const { problems } = expectProblem(await plane.ask({ ...request, body: more }), 422, "fields_invalid");
      expect(problems).toMatchObject([{ at: "/nonsense" }]);
      expectProblem(await plane.ask({ ...request, body: "[" }), 400, "body_invalid");
      expectProblem(await plane.ask({ ...request, body: "[]" }), 400, "body_invalid");
    });

    it("refuses every member of another type", async () => {
      for (const name of Object.keys(schema.properties ?? {})) {
        const request = await good(plane, operation);
        // A list of a list is nothing that any member takes.
        const body = { ...(request.body as object), [name]: [[]] };
        const { problems } = expectProblem(await plane.ask({ ...request, body }), 422, "fields_invalid");
        expect(
          problems.every(({ at }: { at: string }) => at.startsWith(`/${name}`)),
          name,
        ).toBe(true);
      }
    });

    it("does without a body exactly where it says so", async () => {
      const { body: _, ...request } = await good(plane, operation);
      const { status } = await plane.ask(request);
      if (operation.requestBody?.required) expect(status).toBe(415);
      else expect(status).toBe(200);
    });

    for (const name of schema.required ?? []) {
      it(`refuses a body without ${name}`, async () => {
        const request = await good(plane, operation);
        const { [name]: _, ...body } = request.body as Record<string, unknown>;
        const { problems } = expectProblem(await plane.ask({ ...request, body }), 422, "fields_invalid");
        expect(problems).toMatchObject([{ at: `/${name}` }]);
      });
    }
  }

  it("answers what is good in the form that it says", async () => {
    const fresh = await turnedOver();
    const answer = await fresh.ask(await good(fresh, operation));
    const { status, schema: answered } = successOf(operation);
    expect(answer.status, answer.body).toBe(status);
    expect(answer.headers["content-type"]).toBe("application/json");
    expect(answer.headers["cache-control"]).toBe("no-store");
    const parsed = z.fromJSONSchema(answered as never).safeParse(JSON.parse(answer.body));
    expect(parsed.error?.issues).toBeUndefined();
    expect("ETag" in ((operationHeaders(operation) ?? {}) as object)).toBe("etag" in answer.headers);
  });
});

function operationHeaders(operation: OpenApiOperation): unknown {
  return (operation.responses[successOf(operation).status] as { headers?: unknown }).headers;
}

it("describes answers strictly: one member more would be noticed", () => {
  const readRing = operations.find(({ operationId }) => operationId === "readRing") as OpenApiOperation;
  const schema = z.fromJSONSchema(successOf(readRing).schema as never);
  const view = JSON.parse(JSON.stringify({ ...stub.status(), timeline: stub.plan(6) }));
  expect(schema.safeParse(view).success).toBe(true);
  expect(schema.safeParse({ ...view, sealedJwk: "x" }).success).toBe(false);
});
