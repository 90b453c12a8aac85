/** Every route, asked well and badly: all that a service in this process answers, and tells of. */
import fc from "fast-check";
import type { Algorithm } from "../../src/ring/algorithm.ts";
import { adminRequests } from "../fuzz/admin-requests.ts";
import { openControlPlane } from "../fuzz/control-plane.ts";
import { anyRequests, type FuzzedRequest, signRequests } from "../fuzz/requests.ts";
import { API_TOKEN, openService } from "../fuzz/service.ts";
import type { Place } from "../manager/faulty-store.ts";
import type { Hearing } from "./hearing.ts";
import { type AskedOperations, askOperations } from "./operations.ts";
import { splitAnswer } from "./told-values.ts";

interface Share {
  /** How many requests of each kind. */
  readonly requests: number;
  /** Which ones. */
  readonly seed: number;
}

/** A service with one API token, as a program mounts it. Returns where its ring was. */
export async function httpLife(
  alg: Algorithm,
  { hear, show }: Hearing,
  { requests, seed }: Share,
): Promise<Place> {
  const service = await openService({ alg, rsaBits: 2048 });
  const sampled = [anyRequests, signRequests].flatMap((kind) => fc.sample(kind, { numRuns: requests, seed }));
  const withSecret = ["Authorization", "Cookie", "X-Api-Token", "If-None-Match"].map((name) => ({
    method: "GET",
    path: `/v1/tokens?token=${API_TOKEN}`,
    headers: [[name, API_TOKEN] as const],
    body: null,
  }));
  for (const request of [...sampled, ...withSecret]) {
    const { status, headers, body } = await service.answer(request);
    hear("HTTP answers", `${status} ${JSON.stringify([...headers])}\n${body}\n`);
  }
  show("objects", service.app);
  for (const event of service.events) show("events", event);
  return service.place;
}

export interface ControlPlaneLife {
  /** Of the ring. */
  readonly place: Place;
  /** Of the API tokens. */
  readonly book: Place;
  /** Values of API tokens. */
  readonly values: readonly string[];
  readonly asked: AskedOperations;
}

/** Longer than an emit hold: then a key can follow, and be rolled back. */
const A_WHILE_SECONDS = 1300;

/** The control plane, with its metrics, beside the public app. */
export async function controlPlaneLife(
  alg: Algorithm,
  heard: Hearing,
  { requests, seed }: Share,
): Promise<ControlPlaneLife> {
  const { hear, show } = heard;
  const plane = await openControlPlane({ alg, rsaBits: 2048 });
  const { document, place, book, tokens } = plane;
  await plane.pass(A_WHILE_SECONDS);
  const asked = await askOperations(document, plane.answer, heard);
  const values = [...Object.values(tokens), ...asked.values];

  // What both apps serve is asked of both.
  for (const request of ownRequests) {
    const { value, rest } = splitAnswer("rotateApiToken", await plane.answer(request, "public"));
    if (value !== null) values.push(value);
    hear("HTTP answers to holders of a token", `${rest}\n`);
  }
  for (const request of fc.sample(adminRequests(document), { numRuns: requests, seed })) {
    const answer = await plane.answer(request);
    const { value, rest } = splitAnswer(tells(request) ? "issueApiToken" : "another", answer);
    if (value !== null) values.push(value);
    hear("HTTP answers", `${answer.status} ${JSON.stringify([...answer.headers])}\n${rest}\n`);
  }
  for (const thing of [...plane.insides, plane.apiTokens.list()]) show("objects", thing);
  for (const event of plane.events) show("events", event);
  return { place, book, values, asked };
}

function tells({ method, path }: FuzzedRequest): boolean {
  return method === "POST" && /^\/v1\/api-tokens(\/[^/]+\/rotate)?(\?|$)/.test(path);
}

const ownRequests: readonly FuzzedRequest[] = ["signer", "operator"].flatMap((role) =>
  [
    `/v1/api-tokens/{${role} id}/rotate`,
    "/v1/api-tokens/{security id}/rotate",
    "/v1/api-tokens/{signer}/rotate",
  ]
    .map((path): FuzzedRequest => ({ method: "POST", path, headers: bearer(role), body: null }))
    .concat({ method: "GET", path: "/v1/api-tokens/self", headers: bearer(role), body: null }),
);

function bearer(role: string): FuzzedRequest["headers"] {
  return [["Authorization", `Bearer {${role}}`]];
}
