/** The control plane beside the public app, in this process, with a caller of each role. */
import { type ApiTokens, createApiTokens } from "../../src/api-tokens/api-tokens.ts";
import { ROLES, type Role } from "../../src/api-tokens/role.ts";
import { createAdminApp, isAdminPath } from "../../src/http/admin/app.ts";
import type { OpenApiDocument } from "../../src/http/admin/openapi.ts";
import { createApp } from "../../src/http/app.ts";
import { parseKek } from "../../src/keys/kek.ts";
import type { RotationPolicy } from "../../src/ring/policy.ts";
import type { KeyturnEvent } from "../../src/telemetry/events.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { type Place, place } from "../manager/faulty-store.ts";
import { KEK, openAlone, pass, type TestNode } from "../manager/fleet.ts";
import type { FuzzedRequest } from "./requests.ts";
import { type Answer, UNLIMITED } from "./service.ts";

export interface ControlPlane extends TestNode {
  /** Of the ring. */
  readonly place: Place;
  /** Where the API tokens are kept. */
  readonly book: Place;
  readonly apiTokens: ApiTokens;
  readonly document: OpenApiDocument;
  /** The API token of each role. */
  readonly tokens: Readonly<Record<Role, string>>;
  /** All that is inside, for whoever wants to look. */
  readonly insides: readonly unknown[];
  /** Puts tokens, kid and id in the place of `{operator}`, `{kid}`, `{id}` and the like. */
  filledIn(text: string): string;
  /** Asks the app that serves the path; `at` decides otherwise, for what both serve. */
  answer(request: FuzzedRequest, at?: "public" | "admin"): Promise<Answer>;
  /** Time passes as in a running node. */
  pass(seconds: number): Promise<void>;
}

export async function openControlPlane(policy: Partial<RotationPolicy> = {}): Promise<ControlPlane> {
  const metrics = createMetrics();
  const told: KeyturnEvent[] = [];
  const onEvent = (event: KeyturnEvent) => {
    told.push(event);
    metrics.onEvent(event);
  };
  const node = await openAlone({ policy, onEvent });
  const { keys: manager, clock } = node;
  const book = place();
  const apiTokens = await createApiTokens({
    ...{ store: book, ring: manager.ring().id, keks: [await parseKek(KEK)], clock, onEvent },
  });
  const given = { manager, authenticate: apiTokens.authenticate, apiTokens, onEvent };
  const limits = { caller: UNLIMITED, denials: UNLIMITED };
  const scrape = () => {
    metrics.observe(manager.status());
    return metrics.registry;
  };
  const admin = createAdminApp({ ...given, limits, metrics: { scrape } });
  const app = createApp({ ...given, limits });

  const issued = await Promise.all(
    ROLES.map(async (role) => ({
      role,
      ...(await apiTokens.issue({ name: `a ${role}`, role, by: "test" })),
    })),
  );
  const tokens = Object.fromEntries(issued.map(({ role, token }) => [role, token])) as Record<Role, string>;
  const own = new Set(issued.map(({ view }) => view.id));
  const ids = Object.fromEntries(issued.map(({ role, view }) => [`${role} id`, view.id]));

  function filledIn(text: string): string {
    return text.replace(/\{([a-z]+(?: id)?)\}/g, (placeholder, name: string) => {
      if (name === "kid") return manager.status().emitter;
      if (name === "id") return newestOf(apiTokens, own);
      return { ...tokens, ...ids }[name] ?? placeholder;
    });
  }

  const response = await admin.request("/openapi.json");
  return {
    ...node,
    ...{ book, apiTokens, tokens, filledIn, events: told, insides: [admin, app, apiTokens, metrics] },
    document: (await response.json()) as OpenApiDocument,
    async answer({ method, path, headers, body }, at) {
      const request = new Request(`http://127.0.0.1${filledIn(path)}`, {
        method,
        headers: headers.map(([name, value]): [string, string] => [name, filledIn(value)]),
        body: (typeof body === "string" ? filledIn(body) : body) as BodyInit | null,
      });
      const isAdmin = at === undefined ? isAdminPath(new URL(request.url).pathname) : at === "admin";
      const answered = await (isAdmin ? admin : app).fetch(request);
      return { status: answered.status, headers: answered.headers, body: await answered.text() };
    },
    pass: (seconds) => pass(node, seconds),
  };
}

/** An API token that a command may spoil. */
function newestOf({ list }: ApiTokens, spared: ReadonlySet<string>): string {
  const good = list().filter(({ id, phase }) => !spared.has(id) && phase === "valid");
  return good.at(-1)?.id ?? "t_AAAAAAAAAAAAAAAA";
}
