/** Every operation of /openapi.json, asked for by every role, well and badly, with secrets where none belong. */
import { ROLES } from "../../src/api-tokens/role.ts";
import type { OpenApiDocument } from "../../src/http/admin/openapi.ts";
import { type LawfulRequest, lawfulRequests } from "../fuzz/lawful-requests.ts";
import type { FuzzedRequest } from "../fuzz/requests.ts";
import type { Answer } from "../fuzz/service.ts";
import type { Hearing } from "./hearing.ts";
import { splitAnswer } from "./told-values.ts";

export interface AskedOperations {
  /** Values of API tokens that were told. */
  readonly values: readonly string[];
  /** What was signed. */
  readonly jwts: readonly string[];
  readonly all: ReadonlySet<string>;
  readonly granted: ReadonlySet<string>;
  readonly refused: ReadonlySet<string>;
}

/** @param answer puts the tokens of the roles and more in the place of `{operator}`, `{kid}`, `{id}` */
export async function askOperations(
  document: OpenApiDocument,
  answer: (request: FuzzedRequest) => Promise<Answer>,
  { hear }: Hearing,
): Promise<AskedOperations> {
  const values: string[] = [];
  const jwts: string[] = [];
  const granted = new Set<string>();
  const refused = new Set<string>();
  const lawful = lawfulRequests(document);
  const ask = async ({ id }: { readonly id: string }, request: FuzzedRequest) => {
    const answered = await answer(request);
    const { value, rest } = splitAnswer(id, answered);
    if (value !== null) values.push(value);
    const { status, headers } = answered;
    if (status < 300) jwts.push(...(rest.match(JWT) ?? []));
    (status < 300 ? granted : refused).add(id);
    hear(`answers to ${id}`, `${status} ${JSON.stringify([...headers])}\n${rest}\n`);
  };
  for (const one of lawful) for (const request of wellAsked(one)) await ask(one, request);
  for (const one of lawful) for (const request of badlyAsked(one)) await ask(one, request);
  for (const path of BESIDE)
    for (const bearer of ["", "{scheduler}", "{security}"])
      await ask({ id: path }, { method: "GET", path, headers: authorization(bearer), body: null });
  return { values, jwts, all: new Set(lawful.map(({ id }) => id)), granted, refused };
}

const JWT = /ey[\w-]+\.ey[\w-]+\.[\w-]+/g;

const BESIDE = [
  "/metrics",
  "/metrics?token={security}",
  "/openapi.json",
  "/v1/ring/{operator}",
  "/v1/{security}",
];

/** By who may, twice under one key where that counts; by all the others; by nobody. Each may fetch a successor. */
function wellAsked(lawful: LawfulRequest): FuzzedRequest[] {
  const others = ROLES.filter((role) => role !== lawful.role);
  const once: FuzzedRequest["headers"] = lawful.isRemembered
    ? [["Idempotency-Key", `once ${lawful.id}`.replace(" ", "-")]]
    : [];
  const own = lawful.id === "rotateApiToken" ? ROLES.map((role) => ofItself(lawful, role)) : [];
  return [
    requestOf(lawful, `{${lawful.role}}`, once),
    requestOf(lawful, `{${lawful.role}}`, once),
    ...others.map((role) => requestOf(lawful, `{${role}}`)),
    ...own,
    requestOf(lawful, ""),
    requestOf(lawful, "{security}x"),
  ];
}

function ofItself(lawful: LawfulRequest, role: string): FuzzedRequest {
  return requestOf({ ...lawful, path: lawful.path.replace("{id}", `{${role} id}`) }, `{${role}}`);
}

/** What cannot be granted, most of it because a token stands where none belongs. */
function badlyAsked(lawful: LawfulRequest): FuzzedRequest[] {
  const bearer = `{${lawful.role}}`;
  const asked = requestOf(lawful, bearer);
  const inHeaders = ["If-Match", "Idempotency-Key", "Origin", "Cookie", "X-Api-Token", "X-Forwarded-For"];
  const bodies = [
    '{"reason":"{operator}',
    '{"reason":5,"{operator}":"{security}"}',
    '{"name":"{operator}","role":"{security}","scope":"{signer}","expiresInSeconds":"{operator}"}',
    '{"policy":{"alg":"{operator}","{security}":1},"claims":"{security}","tokens":["{operator}"]}',
    '["{security}"]',
  ];
  return [
    { ...asked, path: `${asked.path}?access_token={operator}` },
    { ...asked, path: `${asked.path}?after={security}` },
    { ...asked, path: `${asked.path}?{security}=1` },
    {
      ...asked,
      path: asked.path.replace(/\{\w+\}/, "{security}"),
      body: asked.body === null ? null : '{"reason":""}',
    },
    requestOf(lawful, "{operator} {security}"),
    { ...asked, headers: [["Authorization", "Basic {security}"]] },
    { ...asked, method: asked.method === "GET" ? "DELETE" : "PUT" },
    // A body that is none, so that a header with a secret in it harms nobody.
    ...inHeaders.map((name) => ({
      ...asked,
      headers: [...asked.headers, [name, "{security}"] as const],
      body: asked.body === null ? null : "{",
    })),
    ...(asked.body === null ? [] : bodies.map((body) => ({ ...asked, body }))),
  ];
}

function requestOf(
  { method, path, body, namesRing }: LawfulRequest,
  bearer: string,
  more: FuzzedRequest["headers"] = [],
): FuzzedRequest {
  return {
    method,
    path,
    headers: [
      ...authorization(bearer),
      ...(namesRing ? [["If-Match", "*"] as const] : []),
      ...(body === undefined ? [] : [["Content-Type", "application/json"] as const]),
      ...more,
    ],
    body: body === undefined ? null : JSON.stringify(body),
  };
}

function authorization(bearer: string): [string, string][] {
  return bearer === "" ? [] : [["Authorization", `Bearer ${bearer}`]];
}
