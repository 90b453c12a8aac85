/**
 * API tokens over HTTP: what their holders may do with their own, wherever they sign, and what those
 * may do who give them out.
 */
import * as z from "zod";
import type { ApiTokenView } from "../api-tokens/api-token.ts";
import type { ApiTokens } from "../api-tokens/api-tokens.ts";
import { rotationOrder, tokenOrder } from "../api-tokens/order.ts";
import { ROLES } from "../api-tokens/role.ts";
import { scopeSchema } from "../api-tokens/scope.ts";
import { KeyturnError } from "../errors.ts";
import { actorOf } from "./caller-check.ts";
import { type Operation, operation } from "./operation.ts";

const instant = z.int().describe("Epoch seconds.");
const id = z.string().describe("Names an API token; fit for logs.");

const apiTokenView: z.ZodType<ApiTokenView> = z.strictObject({
  id,
  line: id.describe("Id of the first token of its line."),
  name: z.string(),
  role: z.enum(ROLES),
  scope: scopeSchema.nullable(),
  phase: z.enum(["valid", "overlapping", "expired", "revoked"]),
  createdAt: instant,
  expiresAt: instant.nullable(),
  successor: id.nullable(),
  overlapUntil: instant.nullable(),
  revokedAt: instant.nullable(),
  revokedBecause: z.string().nullable(),
  lastUsedAt: instant.nullable(),
});

const params = z.strictObject({
  id: z
    .string()
    .regex(/^[\w-]{1,64}$/, { error: "Expected the id of an API token, like t_3kTMd0WbqNn2xXQe." }),
});

/** Whether a path is of what the holder of an API token may do with it, wherever it signs. */
export function isOwnApiTokenPath(path: string): boolean {
  return /^\/v1\/api-tokens\/(self|[^/]+\/rotate)$/.test(path);
}

/** For whoever holds an API token: what it is, and its successor. `others`: whether administrators rotate any. */
export function ownApiTokenOperations(
  apiTokens: ApiTokens,
  { others }: { readonly others: boolean },
): readonly Operation[] {
  return [
    operation({
      id: "readOwnApiToken",
      method: "GET",
      path: "/v1/api-tokens/self",
      about: "What the API token of this request is, and how long it is good.",
      action: null,
      answer: z.strictObject({
        id,
        name: z.string(),
        role: z.enum(ROLES),
        scope: scopeSchema.nullable(),
        expiresAt: instant.nullable(),
        successor: id.nullable(),
        overlapUntil: instant.nullable(),
      }),
      handle({ caller }) {
        const {
          expiresAt = null,
          successor = null,
          overlapUntil = null,
        } = apiTokens.list().find((token) => token.id === caller.id) ?? {};
        const { name, role, scope } = caller;
        return { id: caller.id, name, role, scope, expiresAt, successor, overlapUntil };
      },
    }),
    operation({
      id: "rotateApiToken",
      method: "POST",
      path: "/v1/api-tokens/{id}/rotate",
      about:
        "Gives an API token its successor; both are good during the overlap, in which asking again names the same one. " +
        "A token may rotate itself.",
      action: null,
      params,
      body: rotationOrder,
      bodyOptional: true,
      answer: z.strictObject({
        token: z
          .string()
          .nullable()
          .describe("The successor's value; null when it can no longer be derived: then issue another."),
        apiToken: apiTokenView,
        overlapUntil: instant,
        changed: z.boolean(),
      }),
      async handle(asked) {
        const { caller } = asked;
        if (asked.params.id !== caller.id) {
          if (!others) asked.denying(refuseOthers);
          asked.require("administer");
        }
        const rotated = await apiTokens.rotate(asked.params.id, { ...asked.body, by: actorOf(caller) });
        const { token, view, overlapUntil, changed } = rotated;
        return { token, apiToken: view, overlapUntil, changed };
      },
    }),
  ];
}

/** For whoever gives API tokens out. */
export function apiTokenOperations(apiTokens: ApiTokens): readonly Operation[] {
  return [
    ...ownApiTokenOperations(apiTokens, { others: true }),
    operation({
      id: "listApiTokens",
      method: "GET",
      path: "/v1/api-tokens",
      about: "All API tokens with the instants of their last use, never their values.",
      action: "administer",
      answer: z.strictObject({ apiTokens: z.array(apiTokenView) }),
      handle: () => ({ apiTokens: [...apiTokens.list()] }),
    }),
    operation({
      id: "issueApiToken",
      method: "POST",
      path: "/v1/api-tokens",
      about: "Makes an API token. Its value is in this answer and nowhere else.",
      action: "administer",
      body: tokenOrder,
      status: 201,
      // Shown once means once: what is kept in memory for a day must be no secret.
      remembered: (issued) => ({ ...issued, token: null }),
      answer: z.strictObject({
        token: z.string().nullable().describe("The value; null in the answer to a repetition."),
        apiToken: apiTokenView,
      }),
      async handle({ caller, body }) {
        const { token, view } = await apiTokens.issue({ ...body, by: actorOf(caller) });
        return { token: token as string | null, apiToken: view };
      },
    }),
    operation({
      id: "revokeApiToken",
      method: "POST",
      path: "/v1/api-tokens/{id}/revoke",
      about: "Ends an API token at once.",
      action: "administer",
      params,
      body: z.strictObject(
        {
          reason: z.string({ error: "Expected a text: why this is done." }),
          line: z
            .boolean({ error: "Expected true or false." })
            .exactOptional()
            .describe("Whether those that it came from and those that follow it go too. Default false."),
        },
        { error: "Expected a JSON object." },
      ),
      remembered: (result) => result,
      answer: z.strictObject({
        changed: z.boolean(),
        stillGood: z.array(id).describe("Tokens of the same line that are still good."),
      }),
      async handle({ caller, params, body }) {
        const { changed, stillGood } = await apiTokens.revoke(params.id, { ...body, by: actorOf(caller) });
        return { changed, stillGood: [...stillGood] };
      },
    }),
  ];
}

/** Where everybody can knock, no API token reaches further than to itself. */
function refuseOthers(): never {
  throw new KeyturnError("forbidden", "Here an API token rotates itself alone.", {
    fix: "Rotate another's where the control plane is served, or with `keyturn api-token rotate`.",
  });
}
