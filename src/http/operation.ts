/**
 * One thing that can be asked for over HTTP, as data: who may, what it takes, what it answers. The door lets
 * requests in by it and /openapi.json describes it, both from the same schemas, so that neither can differ.
 */
import type { z } from "zod";
import type { Caller } from "../api-tokens/caller.ts";
import type { Action } from "../api-tokens/role.ts";

export interface Operation<
  Params = unknown,
  Query = unknown,
  Body = unknown,
  Result extends object = object,
> {
  /** Unique, in camel case; the `operationId` of OpenAPI. */
  readonly id: string;
  readonly method: "GET" | "POST";
  /** Parameters in braces, as OpenAPI writes them: `/v1/keys/{kid}/revoke`. */
  readonly path: string;
  readonly about: string;
  /** What a caller must be allowed to do; null: any good API token. */
  readonly action: Action | null;
  readonly params?: z.ZodType<Params>;
  readonly query?: z.ZodType<Query>;
  readonly body?: z.ZodType<Body>;
  /** Whether a request may come without a body, which then counts as `{}`. Default false. */
  readonly bodyOptional?: boolean;
  /** Default 16 KiB. */
  readonly bodyBytesMax?: number;
  /** Whether it is a command to the ring: takes `If-Match`, and will not do without. Default false. */
  readonly changesRing?: boolean;
  /** What a repetition under the same `Idempotency-Key` is answered with. Default: no such key is taken. */
  readonly remembered?: (result: Result) => Result;
  readonly status?: 200 | 201;
  readonly answer: z.ZodType<Result>;
  /** The entity tag that goes with the answer. Default: none. */
  readonly etag?: (result: Result) => string;
  handle(asked: AskedFor<Params, Query, Body>): Promise<Result> | Result;
}

/** A request that has been let in, and read. */
export interface AskedFor<Params, Query, Body> {
  readonly caller: Caller;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** Generations of the ring that the caller meant; undefined: any. */
  readonly ifGeneration: readonly number[] | undefined;
  /** Demands more than the operation does. @throws KeyturnError `forbidden` */
  require(action: Action): void;
  /** Runs `work`, and has a refusal that it ends in told as a denial. */
  denying<T>(work: () => T): T;
  /** The request counts as `count` of the caller's, in place of one. @throws RateLimited */
  spend(count: number): void;
}

/** Infers the types of one operation; the door treats all alike. */
export function operation<Params, Query, Body, Result extends object>(
  definition: Operation<Params, Query, Body, Result>,
): Operation {
  return definition as unknown as Operation;
}
