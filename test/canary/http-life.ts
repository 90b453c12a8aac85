/** Every route, asked well and badly: all that a service in this process answers, and tells of. */
import fc from "fast-check";
import type { Algorithm } from "../../src/ring/algorithm.ts";
import { anyRequests, signRequests } from "../fuzz/requests.ts";
import { API_TOKEN, openService } from "../fuzz/service.ts";
import type { Place } from "../manager/faulty-store.ts";
import type { Hearing } from "./hearing.ts";

/** @param requests how many of each kind; @param seed which ones */
export async function httpLife(
  alg: Algorithm,
  { hear, show }: Hearing,
  { requests, seed }: { readonly requests: number; readonly seed: number },
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
