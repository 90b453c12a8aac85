/** A service on a real socket with real API tokens, and clients of it, on one manual clock. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach } from "vitest";
import { type ApiTokens, createApiTokens } from "../../src/api-tokens/api-tokens.ts";
import {
  type Client,
  type ClientEvent,
  type ClientOptions,
  createClient,
  type TokenStore,
} from "../../src/client/index.ts";
import { isKeyturnError } from "../../src/errors.ts";
import { problemResponse } from "../../src/http/problem.ts";
import { generateKek, parseKek } from "../../src/keys/kek.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { type ManualClock, manualClock } from "../manager/manual-clock.ts";
import { type ManualTimer, manualTimer } from "./manual-timer.ts";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly apiToken: string;
  readonly type: string | undefined;
  readonly body: string;
}

/** What a request gets in place of the honest answer; null for that. */
export type Fault = (asked: Asked) => FaultyAnswer | null;
export type FaultyAnswer =
  | "reset"
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    };

export interface World {
  readonly clock: ManualClock;
  readonly timer: ManualTimer;
  readonly url: string;
  readonly tokens: ApiTokens;
  readonly asked: Asked[];
  /** Paths asked for, shortened: `tokens`, `batch`, `self`, `rotate`. */
  paths(): string[];
  readonly connections: () => number;
  fault: Fault | null;
  /** Whether a batch that is refused is told which order it is for. */
  tellsWhich: boolean;
  /** Requests for signatures wait while this is set. */
  hold: Promise<void> | null;
  issue(expiresInSeconds?: number | null): Promise<{ readonly token: string; readonly id: string }>;
  open(options?: Partial<ClientOptions>): ServedClient;
}

export interface ServedClient extends Client {
  readonly events: ClientEvent[];
  /** The next event of this type, from the call on. */
  heard<T extends ClientEvent["type"]>(type: T): Promise<Extract<ClientEvent, { type: T }>>;
}

const shuts: (() => unknown)[] = [];
afterEach(async () => {
  for (const shut of shuts.splice(0).reverse()) await shut();
});

export async function openWorld(clock: ManualClock = manualClock()): Promise<World> {
  const timer = manualTimer(clock);
  const kek = await parseKek(generateKek());
  const tokens = await createApiTokens({ store: memoryStore(), ring: "ring", keks: [kek], clock });
  const asked: Asked[] = [];
  let connections = 0;
  const server = createServer((request, response) => void answer(request, response));
  server.on("connection", () => connections++);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  shuts.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const one: Asked = {
      method: request.method ?? "",
      path: request.url ?? "",
      apiToken: /^Bearer (.*)$/.exec(request.headers.authorization ?? "")?.[1] ?? "",
      type: request.headers["content-type"],
      body: Buffer.concat(chunks).toString(),
    };
    asked.push(one);
    const fault = world.fault?.(one) ?? null;
    if (fault === "reset") return void request.socket.resetAndDestroy();
    // The service's clock is the world's.
    response.setHeader("Date", new Date(clock.now() * 1000).toUTCString());
    if (fault !== null) {
      response.writeHead(fault.status, { "Content-Type": "application/problem+json", ...fault.headers });
      return void response.end(fault.body);
    }
    if (one.path.startsWith("/v1/tokens")) await world.hold;
    const honest = await honestly(one).catch((error: unknown) =>
      isKeyturnError(error) ? problemResponse(error) : Promise.reject(error),
    );
    response.writeHead(honest.status, Object.fromEntries(honest.headers));
    response.end(await honest.text());
  }

  async function honestly({ path, apiToken, body }: Asked): Promise<Response> {
    const caller = await tokens.authenticate(apiToken);
    if (caller === null) return problem(401, "unauthenticated");
    if (path === "/v1/api-tokens/self") {
      const view = tokens.list().find(({ id }) => id === caller.id);
      const { id, name, role, expiresAt, successor, overlapUntil } = view ?? {};
      return Response.json({ id, name, role, expiresAt, successor, overlapUntil });
    }
    if (path === `/v1/api-tokens/${caller.id}/rotate`)
      return Response.json(await tokens.rotate(caller.id, { by: caller.id }));
    if (path !== "/v1/tokens" && path !== "/v1/tokens/batch") return problem(404, "not_found");
    const order = JSON.parse(body);
    if (path === "/v1/tokens") return order.claims.bad ? bad() : Response.json(signed(order));
    const first = order.tokens.findIndex(isBad);
    if (first >= 0) return bad(world.tellsWhich ? `/tokens/${first}/claims/bad` : "/claims/bad");
    return Response.json({ tokens: order.tokens.map(signed) });
  }

  const world: World = {
    clock,
    timer,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tokens,
    asked,
    paths: () => asked.map(({ path }) => path.split("/").at(-1) as string),
    connections: () => connections,
    fault: null,
    tellsWhich: true,
    hold: null,
    async issue(expiresInSeconds = null) {
      const order = { name: "orders", role: "signer" as const, expiresInSeconds, by: "test" };
      const { token, view } = await tokens.issue(order);
      return { token, id: view.id };
    },
    open: (options = {}) => openClient(world, options),
  };
  return world;
}

/** A client on the clock of its world. */
export function openClient(
  { clock, timer, url }: Pick<World, "clock" | "timer" | "url">,
  options: Partial<ClientOptions>,
): ServedClient {
  const events: ClientEvent[] = [];
  const listeners = new Set<(event: ClientEvent) => void>();
  const client = createClient({
    url,
    clock,
    timer,
    random: () => 0.5,
    onEvent(event) {
      events.push(event);
      for (const listener of listeners) listener(event);
    },
    ...options,
  } as ClientOptions);
  shuts.push(() => client.close());
  return {
    ...client,
    events,
    heard: (type) =>
      new Promise((resolve) => {
        const listener = (event: ClientEvent) => {
          if (event.type !== type) return;
          listeners.delete(listener);
          resolve(event as never);
        };
        listeners.add(listener);
      }),
  };
}

/** A token store in memory, that fails on command. */
export interface Place extends TokenStore {
  text: string | null;
  fails: boolean;
}

export function place(text: string | null): Place {
  return {
    text,
    fails: false,
    async load() {
      if (this.fails) throw new Error("The disk is gone.");
      return this.text;
    },
    async save(apiToken) {
      if (this.fails) throw new Error("The disk is gone.");
      this.text = apiToken;
    },
  };
}

/** Lets what is under way go on until it has come to this. */
export async function comesTo(condition: () => boolean): Promise<void> {
  while (!condition()) await nextTurn();
}

/** When the client knows its API token. */
export async function isKnown(client: Client): Promise<void> {
  await comesTo(() => client.health().apiToken?.id != null);
}

/** What a token says, for pairing it with its order. */
export function claimsOf({ token }: { readonly token: string }): unknown {
  return JSON.parse(Buffer.from(token.split(".")[1] as string, "base64url").toString());
}

export function problem(status: number, code: string, more: object = {}): Response {
  return new Response(JSON.stringify({ code, detail: `It is ${code}.`, fix: "Mend it.", ...more }), {
    status,
    headers: { "Content-Type": "application/problem+json" },
  });
}

function bad(at = "/claims/bad"): Response {
  const problems = [{ code: "wrong_value", at, message: "Expected good claims." }];
  return problem(422, "claims_invalid", { problems });
}

function isBad(order: { claims: { bad?: boolean } }): boolean {
  return order.claims.bad === true;
}

function signed({ claims, expiresInSeconds = 900 }: { claims: object; expiresInSeconds?: number }): object {
  const payload = Buffer.from(JSON.stringify({ ...claims, expiresInSeconds })).toString("base64url");
  return { token: `e30.${payload}.c2ln`, kid: "kid-1", expiresAt: 1_800_000_900 };
}
