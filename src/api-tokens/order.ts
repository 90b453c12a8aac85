/** What an operator may order of API tokens. All that is wrong with an order is said at once. */
import * as z from "zod";
import { KeyturnError, type Problem } from "../errors.ts";
import { isPrintable } from "../ring/printable.ts";
import { listed, problemsOf } from "../schema.ts";
import { ROLES, type Role } from "./role.ts";
import { type Scope, scopeSchema } from "./scope.ts";

/** A token to be made. */
export interface TokenOrder {
  readonly name: string;
  readonly role: Role;
  /** Default: no bound. */
  readonly scope?: Scope | null | undefined;
  /** Default: 90 days; null: it does not expire. */
  readonly expiresInSeconds?: number | null | undefined;
}

/** What a rotation takes beside the token. */
export interface RotationOrder {
  /** How long both are good: 300 to 900. Default 600 (10 minutes). */
  readonly overlapSeconds?: number | undefined;
  /** Of the successor, at most its predecessor's lifetime. Default: that. */
  readonly expiresInSeconds?: number | null | undefined;
}

/** An order with its defaults filled in. */
export interface CompleteOrder {
  readonly name: string;
  readonly role: Role;
  readonly scope: Scope | null;
  readonly expiresInSeconds: number | null;
}

export interface CompleteRotation {
  readonly overlapSeconds: number;
  /** Undefined: as long as its predecessor. */
  readonly expiresInSeconds?: number | null | undefined;
}

/** One line of a list. */
const NAME_LENGTH_MAX = 100;

/** A quarter. The client turns its token over by itself; a person is reminded four times a year. */
export const LIFETIME_SECONDS_DEFAULT = 7_776_000;

/** Twice the leeway on its expiry: shorter, and the leeway would be most of its life. */
export const LIFETIME_SECONDS_MIN = 60;

/** Ten years: whatever is longer was meant as milliseconds, or as null. */
export const LIFETIME_SECONDS_MAX = 315_360_000;

/** Long enough for a deployment to hand the successor on. */
export const OVERLAP_SECONDS_DEFAULT = 600;

/** A client that tries again every minute, and fails a few times, still makes it. */
export const OVERLAP_SECONDS_MIN = 300;

/** A token that leaked is good for this long after it was replaced. */
export const OVERLAP_SECONDS_MAX = 900;

export const nameSchema: z.ZodType<string> = z
  .string("Expected a name.")
  .min(1, "Expected a name.")
  .max(NAME_LENGTH_MAX, `Expected at most ${NAME_LENGTH_MAX} characters.`)
  .refine(
    (name) => isPrintable(name) && name.trim() === name,
    "Expected printable characters, no space around.",
  );

const lifetime = z
  .int("Expected a whole number of seconds.")
  .min(LIFETIME_SECONDS_MIN, `Expected at least ${LIFETIME_SECONDS_MIN} seconds.`)
  .max(LIFETIME_SECONDS_MAX, `Expected at most ${LIFETIME_SECONDS_MAX} seconds, or null for no expiry.`);

/** The form of a `TokenOrder`. */
export const tokenOrder: z.ZodType<CompleteOrder> = z
  .strictObject({
    name: nameSchema,
    role: z.enum(ROLES, `Expected one of: ${ROLES.join(", ")}.`),
    scope: scopeSchema.nullable().default(null),
    expiresInSeconds: lifetime.nullable().default(LIFETIME_SECONDS_DEFAULT),
  })
  .refine(({ role, scope }) => role === "signer" || scope === null, {
    path: ["scope"],
    message: "Only a signer's token has a scope.",
  });

/** The form of a `RotationOrder`. */
export const rotationOrder: z.ZodType<CompleteRotation> = z.strictObject({
  overlapSeconds: z
    .int("Expected a whole number of seconds.")
    .min(OVERLAP_SECONDS_MIN, `Expected at least ${OVERLAP_SECONDS_MIN} seconds.`)
    .max(OVERLAP_SECONDS_MAX, `Expected at most ${OVERLAP_SECONDS_MAX} seconds.`)
    .default(OVERLAP_SECONDS_DEFAULT),
  expiresInSeconds: lifetime.nullable().optional(),
});

/** @throws KeyturnError `api_token_order_invalid`, with all problems. */
export function parseTokenOrder(order: TokenOrder): CompleteOrder {
  // The validator leaves this name out unseen, and the scope would be wider than it was ordered.
  if (Object.hasOwn(order.scope?.claims ?? {}, "__proto__")) {
    const message = "No claim may be called __proto__.";
    throw orderInvalid([{ code: "wrong_value", at: "scope/claims", message }]);
  }
  return checked(tokenOrder, order);
}

/** @throws KeyturnError `api_token_order_invalid`, with all problems. */
export function parseRotationOrder(order: RotationOrder): CompleteRotation {
  return checked(rotationOrder, order);
}

function checked<T>(schema: z.ZodType<T>, order: unknown): T {
  const result = schema.safeParse(order);
  if (result.success) return result.data;
  throw orderInvalid(problemsOf(result.error));
}

export function orderInvalid(problems: readonly Problem[]): KeyturnError {
  return new KeyturnError("api_token_order_invalid", `No API token can be like that. ${listed(problems)}`, {
    fix: "Change what is named, and order it again.",
    problems,
  });
}
