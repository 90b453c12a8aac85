/** Operators, a dashboard and a scheduler that ask without pause, each the next thing as soon as it is answered. */
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../../../src/clock.ts";
import { rateLimiter } from "../../../src/http/rate-limit.ts";
import type { Answers } from "./answers.ts";
import type { Plane } from "./plane.ts";

export interface Operators {
  /** Resolves when whatever was asked has been answered. */
  stop(): Promise<void>;
}

/** So many API tokens share the questions: one alone may ask 100 times a second. */
const TOKENS = { operator: 12, security: 8, scheduler: 4 } as const;

type Asking = keyof typeof TOKENS;

/** Just below the server's own limit of each API token, so that a fast machine is never told to wait. */
const PACE = { perSecond: 95, burst: 900 };

const PACE_MILLISECONDS = 20;

export async function startOperators(plane: Plane, answers: Answers, clock: Clock): Promise<Operators> {
  const { url } = plane.server;
  const stopped = new AbortController();
  const pace = rateLimiter(PACE);
  const pools: Record<Asking, string[]> = { operator: [], security: [], scheduler: [] };
  for (const role of Object.keys(TOKENS) as Asking[])
    while (pools[role].length < TOKENS[role]) pools[role].push((await plane.issue(role)).token);

  /** The next of the pool that may ask now. */
  async function tokenFor(role: Asking): Promise<string> {
    for (;;) {
      for (const token of pools[role]) {
        try {
          pace.take(token, clock.monotonic());
          return token;
        } catch {
          // It has asked as often as it may.
        }
      }
      await delay(PACE_MILLISECONDS);
    }
  }

  async function ask(role: Asking, method: "GET" | "POST", path: string, ifMatch?: string) {
    const headers: Record<string, string> = { Authorization: `Bearer ${await tokenFor(role)}` };
    if (ifMatch !== undefined) headers["If-Match"] = ifMatch;
    const answer = await answers.fetch(`${url}${path}`, { method, headers });
    // Read to the end, so that its connection serves the next.
    await answer.arrayBuffer();
    return { ok: answer.ok, etag: answer.headers.get("ETag") ?? "" };
  }

  async function withoutPause(work: () => Promise<unknown>): Promise<void> {
    while (!stopped.signal.aborted) await work();
  }

  /** What it has seen is what it means, so of two at once one is told to look again (412). */
  async function command(): Promise<void> {
    const { etag } = await ask("operator", "GET", "/v1/ring");
    const paused = await ask("operator", "POST", "/v1/ring/pause", etag);
    // Whatever the ring is by then: a pause must not outlast who ordered it.
    if (paused.ok) await ask("operator", "POST", "/v1/ring/resume", "*");
    const seen = await ask("operator", "GET", "/v1/ring");
    await ask("operator", "POST", "/v1/ring/rotate", seen.etag);
  }

  const running = Promise.all([
    withoutPause(command),
    withoutPause(command),
    withoutPause(() => ask("operator", "GET", "/v1/ring")),
    withoutPause(() => ask("operator", "GET", "/v1/audit?limit=32")),
    withoutPause(() => ask("security", "GET", "/v1/api-tokens")),
    withoutPause(() => ask("scheduler", "POST", "/v1/ring/tick")),
  ]);
  return {
    async stop() {
      stopped.abort();
      await running;
    },
  };
}
