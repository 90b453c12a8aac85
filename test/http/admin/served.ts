/** A control plane in this process: a real manager and real API tokens on a manual clock, behind a real socket. */
import type { OutgoingHttpHeaders } from "node:http";
import type { Hono } from "hono";
import { afterAll } from "vitest";
import { type ApiTokens, createApiTokens } from "../../../src/api-tokens/api-tokens.ts";
import type { Role } from "../../../src/api-tokens/role.ts";
import type { Scope } from "../../../src/api-tokens/scope.ts";
import { type AdminOptions, createAdminApp, isAdminPath } from "../../../src/http/admin/app.ts";
import { type AppOptions, createApp } from "../../../src/http/app.ts";
import { jwksAnswers } from "../../../src/http/jwks.ts";
import { parseKek } from "../../../src/keys/kek.ts";
import { close, createHttpServer, listen, listenerOf } from "../../../src/node/server.ts";
import { memoryStore } from "../../../src/store/memory.ts";
import type { KeyturnEvent } from "../../../src/telemetry/events.ts";
import { createMetrics } from "../../../src/telemetry/metrics.ts";
import type { Place } from "../../manager/faulty-store.ts";
import { KEK, openAlone, type TestNode, type TestNodeOptions } from "../../manager/fleet.ts";
import { type Answer, ask } from "../served.ts";

export interface Given {
  readonly token: string;
  readonly id: string;
}

export interface ControlPlane extends TestNode {
  readonly place: Place;
  readonly admin: Hono;
  readonly app: Hono;
  readonly url: string;
  readonly apiTokens: ApiTokens;
  /** What the two apps told of, and the API tokens. */
  readonly told: KeyturnEvent[];
  issue(role: Role, scope?: Scope): Promise<Given>;
  /** A request over the socket. */
  ask(options: {
    method?: string;
    path: string;
    token?: string | undefined;
    headers?: OutgoingHttpHeaders;
    body?: unknown;
  }): Promise<Answer>;
  /** A command to the ring, meant for the ring as it is. */
  command(path: string, token: string, body?: unknown, headers?: OutgoingHttpHeaders): Promise<Answer>;
  etag(): string;
}

const opened: (() => Promise<void>)[] = [];

afterAll(async () => {
  await Promise.all(opened.splice(0).map((shut) => shut()));
});

export async function openControlPlane(
  nodeOptions: TestNodeOptions = {},
  adminOptions: Partial<AdminOptions> = {},
  appOptions: Partial<AppOptions> = {},
): Promise<ControlPlane> {
  const node = await openAlone(nodeOptions);
  const { keys, clock } = node;
  const told: KeyturnEvent[] = [];
  const onEvent = (event: KeyturnEvent) => told.push(event);
  const apiTokens = await createApiTokens({
    ...{ store: memoryStore(), ring: keys.ring().id, keks: [await parseKek(KEK)], clock },
  });
  const { authenticate } = apiTokens;
  const metrics = { scrape: () => createMetrics().registry };
  const admin = createAdminApp({ manager: keys, authenticate, apiTokens, onEvent, metrics, ...adminOptions });
  const answers = jwksAnswers(keys);
  const app = createApp({ manager: keys, authenticate, apiTokens, onEvent, answers, ...appOptions });

  const { server, serve } = createHttpServer();
  const both = {
    fetch: (request: Request) =>
      isAdminPath(new URL(request.url).pathname) ? admin.fetch(request) : app.fetch(request),
  };
  serve(listenerOf(both, answers));
  const url = `http://127.0.0.1:${await listen(server, "127.0.0.1:0")}`;
  opened.push(() => close(server, 0));

  const etag = () => `"${keys.ring().id}.${keys.ring().generation}"`;
  const plane: ControlPlane = {
    ...node,
    ...{ admin, app, url, apiTokens, told, etag },
    async issue(role, scope) {
      const order = { name: `the ${role}`, role, by: "test", ...(scope === undefined ? {} : { scope }) };
      const { token, view } = await apiTokens.issue(order);
      return { token, id: view.id };
    },
    ask({ token, headers = {}, body, ...rest }) {
      const text = typeof body === "string" ? body : JSON.stringify(body);
      return ask(url, {
        ...rest,
        headers: {
          ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: text }),
      });
    },
    command: (path, token, body, headers = {}) =>
      plane.ask({ method: "POST", path, token, body, headers: { "If-Match": etag(), ...headers } }),
  };
  return plane;
}
