/** Isolates of the Worker before an object that is real, on a line that a test can cut, and with a clock of their own. */
import { createExecutionContext, reset, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterAll } from "vitest";
import { tokenText } from "../../src/api-tokens/token-text.ts";
import type { Clock } from "../../src/clock.ts";
import { told } from "../../src/cloudflare/answer.ts";
import type { EdgeCache, Environment, KeyRingNamespace } from "../../src/cloudflare/platform.ts";
import { createWorker, type Worker } from "../../src/cloudflare/worker.ts";
import { type MovableClock, movableClock } from "../../src/testing/movable-clock.ts";
import { keepSecret } from "./worker-lines.ts";

type Vars = Readonly<Record<string, unknown>>;

export const deployed = env as unknown as Environment & Vars;

for (const name of ["KEYTURN_KEK", "KEYTURN_API_TOKEN", "KEYTURN_ADMIN_TOKEN"])
  keepSecret(String(deployed[name]));

// An alarm that goes off while the tests end keeps them from ending.
afterAll(() => reset());

const BASE = "https://auth.example.com";
export const JWKS = "/.well-known/jwks.json";

export type Line = "up" | "down" | "hangs" | "refuses";

/** A deployment with a ring of its own. */
export interface Deployment {
  readonly ring: string;
  readonly environment: Environment & Vars;
  readonly clock: MovableClock;
  /** What has reached the object, e.g. `load ring`, `POST /v1/tokens`. */
  readonly asked: string[];
  /** How the line to the object is. */
  line: Line;
  /** Another isolate; in another data centre where it has another cache. */
  isolate(cache?: EdgeCache, environment?: Environment, itsClock?: Clock): Isolate;
}

export interface Isolate {
  readonly worker: Worker;
  /** The same isolate, with which the platform goes on in another deployment. */
  redeployed(environment: Environment): Isolate;
  /** The answer, when also what it does in the background is done. */
  ask(path: string, init?: RequestInit): Promise<Response>;
  /** The answer alone, whatever else is under way. */
  glance(path: string, init?: RequestInit): Promise<Response>;
  /** A command with the admin token, whatever the ring's generation. */
  command(path: string, body?: object, headers?: Record<string, string>): Promise<Answered>;
  /** @param order Default: a token for user-1. */
  sign(apiToken?: string, order?: object): Promise<Answered>;
  /** The kids of its JWKS. */
  kids(): Promise<string[]>;
}

export interface Answered {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what is expected of it is what a test says.
  readonly body: any;
}

export async function deployment(vars: Vars = {}): Promise<Deployment> {
  const ring = `ring-${crypto.randomUUID()}`;
  // Makes the ring; the object's alarm then finds nothing to do.
  told(await deployed.KEY_RING.getByName(ring).tick());
  const clock = movableClock();
  const asked: string[] = [];
  const place: Deployment = {
    ...{ ring, clock, asked, line: "up" },
    environment: {
      ...deployed,
      KEYTURN_RING: ring,
      KEYTURN_JWKS_URL: `${BASE}/${ring}/jwks.json`,
      KEY_RING: onLine(asked, () => place.line),
      ...vars,
    },
    isolate(cache, environment = place.environment, itsClock = clock) {
      const worker = createWorker({ clock: itsClock, ...(cache === undefined ? {} : { cache }) });
      return isolateOf(worker, environment);
    },
  };
  return place;
}

const REFUSAL = {
  error: { code: "store_full", message: "The storage is used up.", fix: "Nothing was changed." },
} as const;

/** The objects, as an isolate meets them. */
export function onLine(asked: string[], line: () => Line): KeyRingNamespace {
  async function through<T>(what: string, call: () => Promise<T>): Promise<T> {
    asked.push(what);
    if (line() === "down") throw new Error("The line is down.");
    if (line() === "hangs") await new Promise(() => undefined);
    return call();
  }
  return {
    getByName(ring) {
      const stub = deployed.KEY_RING.getByName(ring);
      return {
        load: (at) => through(`load ${at}`, () => stub.load(at)),
        tick: () => through("tick", async () => (line() === "refuses" ? REFUSAL : stub.tick())),
        seen: (uses) => through("seen", () => stub.seen(uses)),
        fetch: (request) =>
          through(`${request.method} ${new URL(request.url).pathname}`, () => stub.fetch(request)),
      };
    },
  };
}

function isolateOf(worker: Worker, environment: Environment): Isolate {
  function begun(path: string, init: RequestInit, context: ExecutionContext): Promise<Response> {
    return worker.fetch(new Request(`${BASE}${path}`, init), environment, context);
  }
  async function ask(path: string, init: RequestInit = {}): Promise<Response> {
    const context = createExecutionContext();
    const answer = await begun(path, init, context);
    await waitOnExecutionContext(context);
    return answer;
  }
  async function post(path: string, body: object, headers: Record<string, string>): Promise<Answered> {
    const answer = await ask(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    const told = await answer.text();
    for (const [, secret = ""] of told.matchAll(/"token":"([^"]+)"/g)) keepSecret(secret);
    return { status: answer.status, body: JSON.parse(told) };
  }
  return {
    worker,
    redeployed: (next) => isolateOf(worker, next),
    ask,
    glance: (path, init = {}) => begun(path, init, createExecutionContext()),
    command: (path, body = {}, headers = {}) =>
      post(path, body, { ...bearer("KEYTURN_ADMIN_TOKEN"), "If-Match": "*", ...headers }),
    sign: (apiToken = String(deployed.KEYTURN_API_TOKEN), order = { claims: { sub: "user-1" } }) =>
      post("/v1/tokens", order, { Authorization: `Bearer ${apiToken}` }),
    kids: async () => kidsIn(await ask(JWKS)),
  };
}

export function bearer(secret: "KEYTURN_ADMIN_TOKEN" | "KEYTURN_API_TOKEN"): Record<string, string> {
  return bearerOf(String(deployed[secret]));
}

export function bearerOf(apiToken: string): Record<string, string> {
  return { Authorization: `Bearer ${apiToken}` };
}

/** What looks like an API token, and is none that anybody has issued. */
export function madeUp(): Promise<string> {
  return tokenText(crypto.getRandomValues(new Uint8Array(32)));
}

async function kidsIn(answer: Response): Promise<string[]> {
  const { keys } = (await answer.json()) as { readonly keys: readonly { readonly kid: string }[] };
  return keys.map(({ kid }) => kid);
}

/** The cache of another data centre. */
export async function otherCache(): Promise<EdgeCache> {
  return (await caches.open(crypto.randomUUID())) as unknown as EdgeCache;
}

/** A data centre whose cache holds nothing. */
export const NO_CACHE: EdgeCache = {
  match: async () => undefined,
  put: async () => undefined,
  delete: async () => false,
};
