/** One request that can be granted for each operation of /openapi.json: where good and bad ones start from. */
import type { Role } from "../../src/api-tokens/role.ts";
import type { OpenApiDocument } from "../../src/http/admin/openapi.ts";
import { SHORT } from "../manager/fleet.ts";

export interface LawfulRequest {
  /** `operationId`. */
  readonly id: string;
  readonly method: string;
  /** With `{kid}` and `{id}`, as OpenAPI has it. */
  readonly path: string;
  /** Undefined: it takes none. */
  readonly body: object | undefined;
  /** One that may. */
  readonly role: Role;
  /** Whether it names the ring by `If-Match`. */
  readonly namesRing: boolean;
  /** Whether an `Idempotency-Key` counts. */
  readonly isRemembered: boolean;
}

const BODIES: Readonly<Record<string, object>> = {
  rotate: { reason: "a test" },
  rollback: { reason: "a test" },
  pause: { reason: "a test" },
  resume: {},
  applyPolicy: { policy: SHORT, reason: "a test" },
  tick: {},
  revokeKey: { reason: "a test", emergency: true },
  rotateApiToken: { overlapSeconds: 300, expiresInSeconds: 3600 },
  issueApiToken: {
    name: "orders",
    role: "signer",
    scope: { audiences: ["orders"], claims: { tenant: "acme" } },
    expiresInSeconds: 86_400,
  },
  revokeApiToken: { reason: "a test", line: true },
  signToken: { claims: { sub: "user-1", aud: "orders" }, expiresInSeconds: 5 },
  signTokens: { tokens: [{ claims: { sub: "user-1" } }, { claims: {}, expiresInSeconds: 1 }] },
};

/** Whose job it is. The security role may do almost everything. */
const ROLE: Readonly<Record<string, Role>> = { signToken: "signer", signTokens: "signer" };

/** In the order in which they can follow each other: what ends a key or a token comes last. */
export function lawfulRequests({ paths }: OpenApiDocument): LawfulRequest[] {
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId: id, parameters, requestBody }]): LawfulRequest => {
      const takes = (header: string) => parameters.some(({ name }) => name === header);
      return {
        ...{ id, path, method: method.toUpperCase(), role: ROLE[id] ?? "security" },
        body: requestBody === undefined ? undefined : bodyOf(id),
        ...{ namesRing: takes("If-Match"), isRemembered: takes("Idempotency-Key") },
      };
    }),
  );
  const isEnd = ({ id }: LawfulRequest) => Number(/^revoke/.test(id)) + Number(id === "applyPolicy");
  return all.sort((a, b) => isEnd(a) - isEnd(b) || issuesFirst(a, b));
}

function issuesFirst(a: LawfulRequest, b: LawfulRequest): number {
  return Number(b.id === "issueApiToken") - Number(a.id === "issueApiToken");
}

/** An operation that nobody has thought of here would be asked for badly only. */
function bodyOf(id: string): object {
  const body = BODIES[id];
  if (body === undefined) throw new Error(`Say in lawful-requests.ts what ${id} can be asked with.`);
  return body;
}
