/** What a signer's API token may be used for, and the one place that holds a request against it. */
import * as z from "zod";
import { KeyturnError, type Problem } from "../errors.ts";
import { isPrintable } from "../ring/printable.ts";
import { listed } from "../schema.ts";

/** What a signer's API token may be used for. */
export interface Scope {
  /** The audiences that its tokens may name; null: any, and none. */
  readonly audiences: readonly string[] | null;
  /** Claims that its tokens must carry, with these very values; null: none. */
  readonly claims: Readonly<Record<string, string | number | boolean | null>> | null;
}

/** So many audiences or claims are a list that somebody keeps by hand; more belongs into several tokens. */
const ENTRIES_MAX = 20;

/** Of an audience, a claim's name or its value. URLs are rarely longer. */
const TEXT_LENGTH_MAX = 200;

/** What the signer sets itself, so that no request could ever carry it. */
const SET_BY_SIGNER: readonly string[] = ["iss", "iat", "exp", "jti"];

const text = z
  .string()
  .min(1, "Expected a text that is not empty.")
  .max(TEXT_LENGTH_MAX, `Expected at most ${TEXT_LENGTH_MAX} characters.`)
  .refine(isPrintable, "Expected printable characters only.");

const claims = z
  .record(
    text.refine((name) => !SET_BY_SIGNER.includes(name), "This claim is set by the signer."),
    z.union([text, z.number(), z.boolean(), z.null()], "Expected a text, a number, true, false or null."),
    "Expected claims by name, or null for none.",
  )
  .refine((value) => Object.keys(value).length > 0, "Expected at least one claim, or null for none.")
  .refine((value) => Object.keys(value).length <= ENTRIES_MAX, `Expected at most ${ENTRIES_MAX} claims.`);

/** The form of a scope, wherever one is read. */
export const scopeSchema: z.ZodType<Scope> = z
  .strictObject({
    audiences: z
      .array(text, "Expected a list of audiences, or null for any.")
      .min(1, "Expected at least one audience, or null for any.")
      .max(ENTRIES_MAX, `Expected at most ${ENTRIES_MAX} audiences.`)
      .nullable()
      .default(null),
    claims: claims.nullable().default(null),
  })
  .refine(({ audiences, claims }) => audiences !== null || claims !== null, "This bounds nothing: use null.");

/**
 * Holds the claims that a caller wants signed against the scope of its API token; null is no bound.
 *
 * @throws KeyturnError `scope_exceeded`, naming what is wrong by the names in the scope, never by what was sent.
 */
export function assertWithin(scope: Scope | null, claims: Readonly<Record<string, unknown>>): void {
  const problems = [...audienceProblems(scope?.audiences ?? null, claims), ...claimProblems(scope, claims)];
  if (problems.length === 0) return;
  throw new KeyturnError("scope_exceeded", `The API token is not for these claims. ${listed(problems)}`, {
    fix: "Ask for what the token's scope allows, or have a token with another scope issued.",
    problems,
  });
}

function audienceProblems(
  allowed: readonly string[] | null,
  claims: Readonly<Record<string, unknown>>,
): Problem[] {
  if (allowed === null) return [];
  // RFC 7519 section 4.1.3: one audience, or a list of them.
  const aud = Object.hasOwn(claims, "aud") ? claims["aud"] : undefined;
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (named.length > 0 && named.every((one) => typeof one === "string" && allowed.includes(one))) return [];
  return [outside("claims/aud", "Expected one or more of the audiences in the token's scope, and no other.")];
}

function claimProblems(scope: Scope | null, claims: Readonly<Record<string, unknown>>): Problem[] {
  return Object.entries(scope?.claims ?? {})
    .filter(([name, value]) => !Object.hasOwn(claims, name) || claims[name] !== value)
    .map(([name]) => outside(`claims/${name}`, "Expected the very value in the token's scope."));
}

function outside(at: string, message: string): Problem {
  return { code: "outside_scope", at, message };
}
