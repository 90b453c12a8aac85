/**
 * The stored JSON of a book and nothing else, as strict as the ring's (ring/document.ts): what encode
 * would not have written to the byte is refused. Whether it is authentic is asked in sealed-book.ts.
 */
import canonicalize from "canonicalize";
import * as z from "zod";
import { KeyturnError } from "../errors.ts";
import { EARLIEST_INSTANT, LATEST_INSTANT } from "../ring/document.ts";
import { PRINTABLE_LENGTH_MAX } from "../ring/printable.ts";
import { listed, problemsOf } from "../schema.ts";
import type { ApiToken } from "./api-token.ts";
import { nameSchema } from "./order.ts";
import { ROLES } from "./role.ts";
import { scopeSchema } from "./scope.ts";
import type { TokenBook } from "./token-book.ts";

/** The form of the document. A reader that meets a higher one leaves it alone. */
export const BOOK_SCHEMA = 2;

export interface BookDocument {
  readonly schema: number;
  /** Id of the KEK that authenticates the document. */
  readonly kek: string;
  readonly book: TokenBook;
  /** HMAC-SHA-256 over the members above. */
  readonly mac: string;
}

/**
 * What the MAC is over: canonical JSON (RFC 8785) behind words of its own, because the same key
 * authenticates rings, and neither may pass for the other.
 */
export function authenticated({ schema, kek, book }: Omit<BookDocument, "mac">): string {
  return `keyturn API tokens ${canonicalize({ schema, kek, book })}`;
}

/** @throws KeyturnError `internal`: nothing that could not be read again is ever written. */
export function encodeBook(document: BookDocument): string {
  const result = documentSchema.safeParse(document);
  if (result.success) return `${JSON.stringify(result.data)}\n`;
  const problems = problemsOf(result.error);
  throw new KeyturnError("internal", `The API tokens would break their form. ${listed(problems)}`, {
    fix: "Nothing was stored. Check this machine's clock; if it is right, please report this.",
  });
}

/** @throws KeyturnError `api_tokens_corrupt` */
export function decodeBook(text: string): BookDocument {
  const parsed = parsedJson(text);
  const schema = (parsed as { schema?: unknown } | null)?.schema;
  if (typeof schema === "number" && schema > BOOK_SCHEMA)
    throw corrupt(`a newer keyturn wrote them, in form ${schema}; this one reads up to ${BOOK_SCHEMA}`);
  if (typeof schema === "number" && schema < BOOK_SCHEMA)
    throw corrupt(`an older keyturn wrote them, in form ${schema}, which this one does not read`, ANEW);
  const result = documentSchema.safeParse(parsed);
  if (!result.success) throw corrupt(`they break the form: ${listed(problemsOf(result.error))}`);
  if (encodeBook(result.data) !== text)
    throw corrupt("they are not in the form that keyturn writes, to the byte");
  return result.data;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw corrupt("they are truncated or not JSON");
  }
}

const RESTORE = "Nothing was overwritten. Restore the newest whole copy, or upgrade keyturn on this node.";
const ANEW = "Nothing was overwritten. Move them away, restart the nodes and issue API tokens anew.";

function corrupt(why: string, fix: string = RESTORE): KeyturnError {
  return new KeyturnError("api_tokens_corrupt", `The stored API tokens cannot be read: ${why}.`, { fix });
}

const instant = z.int().min(EARLIEST_INSTANT).max(LATEST_INSTANT);
const base64url = z.string().regex(/^[A-Za-z0-9_-]+$/, "Expected base64url.");
const digest = z.string().regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, "Expected a SHA-256 in base64url.");
const tokenId = z.string().regex(/^t_[A-Za-z0-9_-]{16}$/, "Expected the id of an API token.");

const apiToken: z.ZodType<ApiToken> = z
  .strictObject({
    id: tokenId,
    line: tokenId,
    name: nameSchema,
    role: z.enum(ROLES),
    scope: scopeSchema.nullable(),
    hash: digest,
    createdAt: instant,
    expiresAt: instant.nullable(),
    successor: tokenId.nullable(),
    overlapUntil: instant.nullable(),
    revokedAt: instant.nullable(),
    revokedBecause: z.string().min(1).max(PRINTABLE_LENGTH_MAX).nullable(),
    lastUsedAt: instant.nullable(),
  })
  .refine(({ role, scope }) => role === "signer" || scope === null, "Only a signer's token has a scope.")
  .refine(
    ({ successor, overlapUntil }) => (successor === null) === (overlapUntil === null),
    "Half a rotation.",
  )
  .refine(
    ({ revokedAt, revokedBecause }) => (revokedAt === null) === (revokedBecause === null),
    "Half a revocation.",
  );

const documentSchema: z.ZodType<BookDocument> = z.strictObject({
  schema: z.literal(BOOK_SCHEMA),
  kek: base64url,
  book: z.strictObject({
    id: base64url,
    ring: base64url,
    generation: z.int().min(1),
    committedAt: instant,
    tokens: z
      .array(apiToken)
      .refine((tokens) => areDistinct(tokens.map(({ id }) => id)), "Two tokens have one id.")
      .refine((tokens) => areDistinct(tokens.map(({ hash }) => hash)), "Two tokens have one value."),
  }),
  mac: digest,
});

function areDistinct(texts: readonly string[]): boolean {
  return new Set(texts).size === texts.length;
}
