/** A service in this process that is sent fuzzed requests, and what its answers must be like. */
import type { Hono } from "hono";
import { KeyturnError } from "../../src/errors.ts";
import { apiTokenCheck } from "../../src/http/api-token.ts";
import { createApp } from "../../src/http/app.ts";
import type { KeyManager } from "../../src/manager/manager.ts";
import type { RotationPolicy } from "../../src/ring/policy.ts";
import type { KeyturnEvent } from "../../src/telemetry/events.ts";
import type { Place } from "../manager/faulty-store.ts";
import { openAlone } from "../manager/fleet.ts";
import { type FuzzedRequest, INPUT, TOKEN } from "./requests.ts";

export const API_TOKEN = "keyturn_Q0Zt4Kq6tRzS1m7n2h8wXb3vLd5yPgUeJfOaCiVkHsN";

/** For a clock that stands still, on which what is used up never fills up again. */
export const UNLIMITED = { perSecond: 1, burst: 1e9 };

export interface Service {
  readonly place: Place;
  readonly keys: KeyManager;
  readonly app: Hono;
  readonly events: readonly KeyturnEvent[];
  answer(request: FuzzedRequest): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

export async function openService(policy: Partial<RotationPolicy> = {}): Promise<Service> {
  const { keys, place, events } = await openAlone({ policy });
  const app = createApp({
    manager: keys,
    apiToken: await apiTokenCheck(API_TOKEN),
    limits: { caller: UNLIMITED, denials: UNLIMITED },
    onEvent: (event) => events.push(event),
  });
  return {
    place,
    keys,
    app,
    events,
    async answer({ method, path, headers, body }) {
      const request = new Request(`http://127.0.0.1${path}`, {
        method,
        headers: headers.map(([name, value]): [string, string] => [name, value.replaceAll(TOKEN, API_TOKEN)]),
        body: body as BodyInit | null,
      });
      const response = await app.fetch(request);
      return { status: response.status, headers: response.headers, body: await response.text() };
    },
  };
}

/** What is wrong with an answer to whatever a caller sent; null when nothing is. */
export function faultOf({ status, headers, body }: Answer): string | null {
  if ([200, 201, 204, 304].includes(status)) return null;
  if (status < 400 || status > 499) return `status ${status} for a caller's mistake: ${body.slice(0, 200)}`;
  if (headers.get("Content-Type") !== "application/problem+json")
    return `status ${status} without a problem document`;
  if (headers.get("Cache-Control") !== "no-store") return "a refusal that caches may keep";
  if (body === "") return null;
  const problem = JSON.parse(body) as Partial<Record<string, unknown>>;
  if (
    problem["status"] !== status ||
    typeof problem["code"] !== "string" ||
    typeof problem["fix"] !== "string"
  )
    return `a problem document that lacks something: ${body}`;
  if (body.includes(INPUT)) return `the caller's input comes back: ${body}`;
  return /\bat [\w.<>]+ \((file:|node:|\/|<)|node_modules|\.[jt]s:\d/.test(body)
    ? `a stack trace: ${body}`
    : null;
}

/** For a property: fails with the fault, if there is one. */
export function assertFaultless(answer: Answer): void {
  const fault = faultOf(answer);
  if (fault !== null) throw new Error(fault);
}

/** For a property: `error` must be one of keyturn's own, and say nothing that was put in. */
export function assertRefusal(error: unknown, ...inputs: readonly string[]): asserts error is KeyturnError {
  if (!(error instanceof KeyturnError) || error.code === "internal")
    throw new Error(`Not a refusal but ${error instanceof Error ? error.stack : String(error)}.`);
  const { message, fix, problems } = error;
  const said = [message, fix, ...problems.map((problem) => JSON.stringify(problem))].join("\n");
  if (message === "" || fix === "") throw new Error(`${error.code} without words.`);
  for (const input of inputs)
    if (said.includes(input)) throw new Error(`${error.code} gives away what was put in: ${said}`);
}
