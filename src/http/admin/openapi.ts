/**
 * The OpenAPI 3.1 description of all operations, from the very schemas that requests are held against.
 * OpenAPI 3.1 speaks JSON Schema 2020-12, which the validator writes itself.
 */
import * as z from "zod";
import { type Action, mayDo, ROLES } from "../../api-tokens/role.ts";
import type { Operation } from "../operation.ts";

/** The parts of OpenAPI 3.1 that are written here. */
export interface OpenApiDocument {
  readonly openapi: "3.1.0";
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly security: readonly object[];
  readonly components: object;
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
}

export interface OpenApiOperation {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly parameters: readonly OpenApiParameter[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: { readonly "application/json": { readonly schema: object } };
  };
  readonly responses: Readonly<Record<string, object>>;
}

export interface OpenApiParameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly description?: string;
  readonly schema: object;
}

/** Of the API, not of the package: it changes when a program that uses it must. */
const API_VERSION = "1";

export function openApiDocument(operations: readonly Operation[]): OpenApiDocument {
  const paths: Record<string, Record<string, OpenApiOperation>> = {};
  for (const operation of operations) {
    paths[operation.path] = {
      ...paths[operation.path],
      [operation.method.toLowerCase()]: described(operation),
    };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "keyturn",
      version: API_VERSION,
      description:
        "JWT signing keys that turn themselves over. Errors are RFC 9457 problem documents with a stable code. " +
        "/v1/tokens answers where the JWKS does, and the rest where the admin API listens, if that is apart.",
    },
    security: [{ apiToken: [] }],
    components: {
      securitySchemes: {
        apiToken: { type: "http", scheme: "bearer", description: "An API token: opaque, with a role." },
      },
      schemas: { Problem: PROBLEM },
      responses: {
        Problem: {
          description: "Why the request was refused, and what to do about it.",
          content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
        },
      },
    },
    paths,
  };
}

function described(operation: Operation): OpenApiOperation {
  const { id, about, action, status = 200, etag, answer, body, bodyOptional = false } = operation;
  return {
    operationId: id,
    summary: about,
    description: whoMay(action),
    parameters: parametersOf(operation),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: !bodyOptional,
            content: { "application/json": { schema: jsonSchema(body, "input") } },
          },
        }),
    responses: {
      [status]: {
        description: "Done.",
        ...(etag === undefined ? {} : { headers: { ETag: { schema: { type: "string" } } } }),
        content: { "application/json": { schema: jsonSchema(answer, "output") } },
      },
      "4XX": { $ref: "#/components/responses/Problem" },
      "5XX": { $ref: "#/components/responses/Problem" },
    },
  };
}

/** The matrix of roles, read the other way. */
function whoMay(action: Action | null): string {
  if (action === null) return "For every good API token.";
  const roles = ROLES.filter((role) => mayDo(role, action));
  return `For the roles: ${roles.join(", ")}.`;
}

function parametersOf({ params, query, changesRing, remembered }: Operation): OpenApiParameter[] {
  return [
    ...(params === undefined ? [] : parametersIn("path", params)),
    ...(query === undefined ? [] : parametersIn("query", query)),
    ...(changesRing === true ? [IF_MATCH] : []),
    ...(remembered === undefined ? [] : [IDEMPOTENCY_KEY]),
  ];
}

function parametersIn(where: "path" | "query", schema: z.ZodType): OpenApiParameter[] {
  const { properties = {}, required = [] } = jsonSchema(schema, "input");
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: where,
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

const IF_MATCH: OpenApiParameter = {
  name: "If-Match",
  in: "header",
  required: true,
  description: "The ETag of the ring that the command is meant for, or *.",
  schema: { type: "string" },
};

const IDEMPOTENCY_KEY: OpenApiParameter = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description: "The same in every repetition of one command: it is then done once.",
  schema: { type: "string", minLength: 1, maxLength: 200 },
};

interface JsonSchema {
  readonly properties?: Readonly<Record<string, { readonly description?: string }>>;
  readonly required?: readonly string[];
}

/** What a refinement asks for beyond the form has no place in JSON Schema; the answer to a request says it. */
function jsonSchema(schema: z.ZodType, io: "input" | "output"): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest as JsonSchema;
}

const PROBLEM = {
  type: "object",
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    code: { type: "string", description: "Stable: what programs branch on. ERRORS.md lists all." },
    detail: { type: "string" },
    fix: { type: "string" },
    problems: {
      type: "array",
      items: {
        type: "object",
        properties: { code: { type: "string" }, at: { type: "string" }, message: { type: "string" } },
        required: ["code", "at", "message"],
      },
    },
  },
  required: ["type", "title", "status", "code"],
};
