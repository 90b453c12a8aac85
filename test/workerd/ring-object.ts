/** A ring in an object of its own, in real workerd; a clock that a test moves; and what is logged. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { onTestFinished, vi } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { KeyRingObject } from "../../src/cloudflare/key-ring-object.ts";
import type { Environment, KeyRingStub, ObjectContext } from "../../src/cloudflare/platform.ts";
import type { RingView } from "../../src/http/admin/answers.ts";
import type { TickResult } from "../../src/manager/tick.ts";
import { type AuditRecord, verifyChain } from "../../src/ring/audit.ts";
import { type MovableClock, movableClock } from "../../src/testing/movable-clock.ts";

/** So far ahead of the true time that no alarm fires by itself. */
const AHEAD_SECONDS = 86_400;

/** What every object tells the time by, until the test is over. */
export function movedClock(aheadSeconds: number = AHEAD_SECONDS): MovableClock {
  const clock = movableClock(Math.floor(Date.now() / 1000) + aheadSeconds);
  const wall = vi.spyOn(systemClock, "now").mockImplementation(clock.now);
  const monotonic = vi.spyOn(systemClock, "monotonic").mockImplementation(clock.monotonic);
  onTestFinished(() => {
    wall.mockRestore();
    monotonic.mockRestore();
  });
  return clock;
}

export type LoggedLine = Readonly<Record<string, unknown>>;

/** What is logged from now on, instead of among the results. */
export function loggedLines(): LoggedLine[] {
  const lines: LoggedLine[] = [];
  const spies = (["info", "warn", "error"] as const).map((level) =>
    vi.spyOn(console, level).mockImplementation((line: string) => {
      lines.push(JSON.parse(line) as LoggedLine);
    }),
  );
  onTestFinished(() => {
    for (const spy of spies) spy.mockRestore();
  });
  return lines;
}

/** A name that no other test has. */
export function newName(): string {
  return crypto.randomUUID();
}

export function objectOf(name: string): KeyRingStub {
  return env.KEY_RING.getByName(name);
}

/** Another instance of an object whose storage is at hand, as the platform may start one, in this environment. */
export function instanceIn(state: ObjectContext, bindings: Partial<Environment> = {}): KeyRingObject {
  return new KeyRingObject(state, { ...env, ...bindings });
}

/** What the object itself finds in its environment from now on. */
export function rebind(name: string, bindings: Readonly<Record<string, unknown>>): Promise<void> {
  return runInDurableObject(objectOf(name), (instance) => {
    Reflect.set(instance, "env", { ...env, ...bindings });
  });
}

export interface Asked<T> {
  readonly status: number;
  readonly body: T;
}

/** To the object as the Worker sends it on. */
export async function ask<T>(
  object: Pick<KeyRingStub, "fetch">,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Asked<T>> {
  const response = await object.fetch(
    new Request(`https://auth.example.com${path}`, {
      method: body === undefined ? "GET" : "POST",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: {
        Authorization: `Bearer ${env.KEYTURN_ADMIN_TOKEN}`,
        "Content-Type": "application/json",
        "If-Match": "*",
        ...headers,
      },
    }),
  );
  return { status: response.status, body: (await response.json()) as T };
}

export async function statusOf(object: Pick<KeyRingStub, "fetch">): Promise<RingView> {
  return (await ask<RingView>(object, "/v1/ring")).body;
}

/** @throws what the object told of instead */
export async function tick(object: Pick<KeyRingStub, "tick">): Promise<TickResult> {
  const answer = await object.tick();
  if ("error" in answer) throw new Error(answer.error.code);
  return answer.value;
}

interface AuditPage {
  readonly records: readonly AuditRecord[];
  readonly next: number | null;
}

/** Every record there is, from the first; throws where the chain does not hold. */
export async function auditOf(object: Pick<KeyRingStub, "fetch">): Promise<readonly AuditRecord[]> {
  const records: AuditRecord[] = [];
  let next: number | null = 0;
  while (next !== null) {
    const { body }: Asked<AuditPage> = await ask(object, `/v1/audit?after=${next}&limit=20`);
    records.push(...body.records);
    next = body.next;
  }
  await verifyChain(records);
  return records;
}
