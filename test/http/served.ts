/** An issuer over HTTP in this process: a real manager on a manual clock, behind the app or a real socket. */
import { once } from "node:events";
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from "node:http";
import type { Hono } from "hono";
import { afterEach, expect } from "vitest";
import { apiTokenCheck } from "../../src/http/api-token.ts";
import { type AppOptions, createApp } from "../../src/http/app.ts";
import { jwksAnswers } from "../../src/http/jwks.ts";
import { close, createHttpServer, listen, listenerOf } from "../../src/node/server.ts";
import type { KeyturnEvent } from "../../src/telemetry/events.ts";
import type { Place } from "../manager/faulty-store.ts";
import { openAlone, type TestNode, type TestNodeOptions } from "../manager/fleet.ts";

export const API_TOKEN = "keyturn_V3ryS3cretApiTokenOfTheseTests-0123456789abcdef";

export interface Issuer extends TestNode {
  readonly place: Place;
  readonly app: Hono;
  /** What the app told of, as opposed to the manager. */
  readonly told: KeyturnEvent[];
  /** Answers at a real socket, by the very same app. */
  listen(): Promise<string>;
}

const opened: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((shut) => shut()));
});

export async function openIssuer(
  options: TestNodeOptions = {},
  appOptions: Partial<AppOptions> = {},
): Promise<Issuer> {
  const node = await openAlone(options);
  const told: KeyturnEvent[] = [];
  const answers = jwksAnswers(node.keys);
  const app = createApp({
    manager: node.keys,
    apiToken: await apiTokenCheck(API_TOKEN),
    onEvent: (event) => told.push(event),
    answers,
    ...appOptions,
  });
  return {
    ...node,
    app,
    told,
    async listen() {
      const { server, serve } = createHttpServer();
      serve(listenerOf(app, answers));
      const port = await listen(server, "127.0.0.1:0");
      opened.push(() => close(server, 0));
      return `http://127.0.0.1:${port}`;
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Names in lower case with their values, sorted; without what is of the connection and the moment. */
  readonly sent: readonly (readonly [string, string])[];
  readonly body: string;
}

const OF_THE_CONNECTION = new Set(["date", "connection", "keep-alive"]);

/** A request to the letter: path and headers go out as they are given, any method may be tried. */
export async function ask(
  url: string,
  options: {
    method?: string;
    path: string;
    headers?: OutgoingHttpHeaders;
    body?: string | string[] | Buffer;
  },
): Promise<Answer> {
  const { method = "GET", path, headers = {}, body = [] } = options;
  const sent = request(url, { method, path, headers, agent: false });
  for (const chunk of [body].flat()) sent.write(chunk);
  sent.end();
  const [response] = await once(sent, "response");
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const pairs: [string, string][] = [];
  for (let i = 0; i < response.rawHeaders.length; i += 2) {
    const name = response.rawHeaders[i].toLowerCase();
    if (!OF_THE_CONNECTION.has(name)) pairs.push([name, response.rawHeaders[i + 1]]);
  }
  return {
    status: response.statusCode,
    headers: response.headers,
    sent: pairs.sort(([a], [b]) => a.localeCompare(b)),
    body: Buffer.concat(chunks).toString(),
  };
}

/** What every refusal is: a problem document, kept by nobody, with nothing of the inside in it. */
export function expectProblem(answer: Answer, status: number, code: string) {
  expect(answer.status).toBe(status);
  expect(answer.headers["content-type"]).toBe("application/problem+json");
  expect(answer.headers["cache-control"]).toBe("no-store");
  const problem = JSON.parse(answer.body);
  expect(problem).toMatchObject({
    type: `urn:keyturn:problem:${code}`,
    title: expect.stringMatching(/^[A-Z][a-z ]+$/),
    status,
    code,
    detail: expect.stringMatching(/[^.][.?]$/),
    fix: expect.any(String),
  });
  expect(answer.body).not.toMatch(/\bat [\w.<>]+ \(|node_modules|\.[jt]s:\d/);
  return problem;
}
