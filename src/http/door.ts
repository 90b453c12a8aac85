/**
 * The one way that every operation is asked for: whose site, who, how often, what, has it been done before.
 * Nobody learns whether a request would do before it is known who sent it.
 */
import type { Context, Hono } from "hono";
import * as z from "zod";
import { KeyturnError } from "../errors.ts";
import type { KeyManager } from "../manager/manager.ts";
import { listed } from "../schema.ts";
import type { CallerCheck } from "./caller-check.ts";
import { type IdempotencyMemory, parseIdempotencyKey } from "./idempotency.ts";
import type { Operation } from "./operation.ts";
import { assertSameSite } from "./origin.ts";
import { generationsMeant } from "./precondition.ts";
import type { RateLimiter } from "./rate-limit.ts";
import { checked, fieldProblems, readBody } from "./request-body.ts";

export interface Door {
  readonly manager: Pick<KeyManager, "ring" | "clock">;
  readonly check: CallerCheck;
  /** By the caller's id. */
  readonly rate: RateLimiter;
  /** Answers to repetitions; undefined where no operation takes an `Idempotency-Key`. */
  readonly memory?: IdempotencyMemory;
  /** Whether pages of other sites are turned away. Default false. */
  readonly sameSiteOnly?: boolean;
}

/** Set in the context of a request when its caller has been let in. */
const ADMITTED = "admitted";

/** Whether a request came from a caller who may do what was asked for: what it ended in is no stranger's doing. */
export function isAdmitted(c: Context): boolean {
  return c.get(ADMITTED) === true;
}

export function mount(app: Hono, operations: readonly Operation[], door: Door): void {
  for (const operation of operations) {
    app.on(operation.method, operation.path.replaceAll(/\{(\w+)\}/g, ":$1"), (c) =>
      answer(c, operation, door),
    );
  }
}

async function answer(c: Context, operation: Operation, door: Door): Promise<Response> {
  const { check, rate, manager, memory } = door;
  const { clock } = manager;
  if (door.sameSiteOnly === true) check.telling(null, operation, () => assertSameSite(c));
  const caller = await check.admit(c, operation);
  rate.take(caller.id, clock.monotonic());
  c.set(ADMITTED, true);
  const spend = (count: number) => rate.take(caller.id, clock.monotonic(), count, 1);

  const params = part("path", operation.params, c.req.param());
  const query = part("query", operation.query, queryOf(c));
  const body = await bodyOf(c, operation);
  const key = operation.remembered === undefined ? undefined : parseIdempotencyKey(c);
  const work = async (): Promise<object> =>
    operation.handle({
      ...{ caller, params, query, body, spend },
      ifGeneration: operation.changesRing === true ? generationsMeant(c, manager.ring().id) : undefined,
      require: (action) => check.require(caller, { ...operation, action }),
      denying: (done) => check.telling(caller, operation, done),
    });
  if (key === undefined || memory === undefined) return sent(c, operation, await work(), false);
  const request = { caller: caller.id, key, text: JSON.stringify([c.req.path, body]) };
  const { result, isRepetition } = await memory.once(request, clock.monotonic(), work, operation.remembered);
  return sent(c, operation, result, isRepetition);
}

function sent(
  c: Context,
  { status = 200, etag }: Operation,
  result: object,
  isRepetition: boolean,
): Response {
  return c.json(result, status, {
    "Cache-Control": "no-store",
    ...(etag === undefined ? {} : { ETag: etag(result) }),
    ...(isRepetition ? { "Idempotency-Replayed": "true" } : {}),
  });
}

async function bodyOf(c: Context, { body, bodyOptional, bodyBytesMax }: Operation): Promise<unknown> {
  if (body === undefined) return undefined;
  const read = await readBody(c, {
    ...(bodyOptional === undefined ? {} : { optional: bodyOptional }),
    ...(bodyBytesMax === undefined ? {} : { bytesMax: bodyBytesMax }),
  });
  return checked(body, read ?? {});
}

const NONE = z.strictObject({});

/** @throws KeyturnError `request_invalid`, listing all that is wrong */
function part(where: "path" | "query", schema: z.ZodType = NONE, given: object): unknown {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = fieldProblems(parsed.error, schema).map(({ at, ...rest }) => ({
    ...rest,
    at: `${where}${at}`,
  }));
  throw new KeyturnError("request_invalid", `The ${where} cannot be used. ${listed(problems)}`, {
    fix: "Send the parameters that /openapi.json lists for this request, each once.",
    problems,
  });
}

/** A parameter given once as text; given more often as a list, which no schema takes. */
function queryOf(c: Context): object {
  if (!c.req.url.includes("?")) return {};
  const given = Object.entries(c.req.queries());
  return Object.fromEntries(given.map(([name, values]) => [name, values.length === 1 ? values[0] : values]));
}
