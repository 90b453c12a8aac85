/**
 * The stored JSON and nothing else. Decoding is strict: what encode would not have written to the
 * byte is refused, so duplicate members, unknown fields, odd numbers and stray white space need no
 * rules of their own. Whether the document is authentic is asked next, in keys/sealed-ring.ts.
 */
import canonicalize from "canonicalize";
import * as z from "zod";
import { KeyturnError } from "../errors.ts";
import { listed, problemsOf } from "../schema.ts";
import { ALGORITHMS } from "./algorithm.ts";
import { AUDIT_TAIL_RECORDS } from "./audit.ts";
import type { RotationPolicy } from "./policy.ts";
import { policySchema } from "./policy.ts";
import { isKid, type KeyRing } from "./ring.ts";

/** The form of the document. A reader that meets a higher one leaves it alone. */
export const DOCUMENT_SCHEMA = 1;

export interface RingDocument {
  readonly schema: number;
  /** Id of the KEK that seals the private keys and authenticates the document. */
  readonly kek: string;
  readonly ring: KeyRing;
  /** HMAC-SHA-256 over the canonical JSON of the members above. */
  readonly mac: string;
}

/** The bytes that the MAC is over. */
export function authenticated({ schema, kek, ring }: Omit<RingDocument, "mac">): string {
  return canonicalize({ schema, kek, ring }) as string;
}

export function encodeDocument(document: RingDocument): string {
  const result = documentSchema.safeParse(document);
  if (!result.success) {
    throw new KeyturnError(
      "ring_invalid",
      `The ring would break its form. ${listed(problemsOf(result.error))}`,
      {
        fix: "Nothing was stored.",
        problems: problemsOf(result.error),
      },
    );
  }
  return `${JSON.stringify(result.data, null, 2)}\n`;
}

/**
 * @throws KeyturnError `ring_corrupt` when it is no document, `ring_schema_unknown` when a newer
 *   keyturn wrote it.
 */
export function decodeDocument(text: string): RingDocument {
  const parsed = parsedJson(text);
  const schema = (parsed as { schema?: unknown } | null)?.schema;
  if (typeof schema === "number" && schema > DOCUMENT_SCHEMA) {
    throw new KeyturnError(
      "ring_schema_unknown",
      `The ring was written in form ${schema}; this keyturn reads up to ${DOCUMENT_SCHEMA}.`,
      { fix: "Upgrade keyturn on this node. Nothing was changed." },
    );
  }
  const result = documentSchema.safeParse(parsed);
  if (!result.success) throw corrupt(`it breaks the form: ${listed(problemsOf(result.error))}`);
  if (encodeDocument(result.data) !== text)
    throw corrupt("it is not in the form that keyturn writes, to the byte");
  if (!hasCanonicalForm(result.data)) throw corrupt("a text in it holds half a surrogate pair");
  return result.data;
}

/** JSON can say half a surrogate pair, and canonical JSON cannot (RFC 8785 section 3.2.2.2). */
function hasCanonicalForm(document: RingDocument): boolean {
  try {
    authenticated(document);
    return true;
  } catch {
    return false;
  }
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw corrupt("it is truncated or not JSON");
  }
}

function corrupt(why: string): KeyturnError {
  return new KeyturnError("ring_corrupt", `The stored ring cannot be read: ${why}.`, {
    fix: "Nothing was overwritten. Restore the newest whole copy (the file store keeps the last generations).",
  });
}

/** 2020-01-01: no ring is older than keyturn, so a smaller instant is a mistake of unit or clock. */
export const EARLIEST_INSTANT = 1_577_836_800;
/** 2200-01-01: catches milliseconds. */
export const LATEST_INSTANT = 7_258_118_400;

const instant = z.int().min(EARLIEST_INSTANT).max(LATEST_INSTANT);
const base64url = z.string().regex(/^[A-Za-z0-9_-]+$/, "Expected base64url.");
/** 32 bytes in base64url, in their one spelling: the last character carries four bits, so its other two are zero. */
const digest = z.string().regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, "Expected a SHA-256 in base64url.");
const text = z.string().max(500);
/** That of an imported key, for as long as anything remembers it; of others it is a thumbprint. */
const kid = z.string().refine(isKid, "Expected visible ASCII.");

const publicJwk = z.discriminatedUnion("kty", [
  z.strictObject({ kty: z.literal("EC"), crv: z.string(), x: base64url, y: base64url }),
  z.strictObject({ kty: z.literal("RSA"), n: base64url, e: z.literal("AQAB") }),
  z.strictObject({ kty: z.literal("OKP"), crv: z.literal("Ed25519"), x: base64url }),
  z.strictObject({ kty: z.literal("AKP"), alg: z.string(), pub: base64url }),
]);

const ringKey = z
  .strictObject({
    kid,
    alg: z.enum(ALGORITHMS),
    publicJwk,
    sealedJwk: z.string().regex(/^[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*){4}$/, "Expected a compact JWE."),
    imported: z.literal(true).optional(),
    createdAt: instant,
    publishedAt: instant.nullable(),
    emitAfter: instant.nullable(),
    emittedAt: instant.nullable(),
    earlyEmit: z.boolean(),
    retireHoldSeconds: z.int().min(1).nullable(),
    retiredAt: instant.nullable(),
    acceptUntil: instant.nullable(),
    rolledBackAt: instant.nullable(),
    reinstatedAt: instant.nullable(),
  })
  .refine(({ kid, imported }) => imported === true || digest.safeParse(kid).success, {
    error: "Expected the thumbprint of the public key.",
    path: ["kid"],
  });

const tombstone = z.strictObject({ kid, revokedAt: instant, revokedBecause: text });

const auditRecord = z.strictObject({
  ring: base64url,
  generation: z.int().min(1),
  at: instant,
  event: z.string(),
  oldKid: kid.nullable(),
  newKid: kid.nullable(),
  earlyEmit: z.literal(true).optional(),
  details: z.record(z.string(), z.union([text, z.number(), z.boolean(), z.null()])).optional(),
  trigger: z.enum(["automatic", "manual"]),
  actor: text,
  reason: text.nullable(),
  previous: digest,
  hash: digest,
});

const documentSchema: z.ZodType<RingDocument> = z.strictObject({
  schema: z.literal(DOCUMENT_SCHEMA),
  kek: base64url,
  ring: z.strictObject({
    id: base64url,
    generation: z.int().min(1),
    committedAt: instant,
    policy: policySchema as z.ZodType<RotationPolicy>,
    pausedAt: instant.nullable(),
    rotateRequestedAt: instant.nullable(),
    jwksHeldUntil: z.int().min(0).max(LATEST_INSTANT),
    keys: z.array(ringKey).min(1),
    tombstones: z.array(tombstone),
    auditTail: z.array(auditRecord).min(1).max(AUDIT_TAIL_RECORDS),
  }),
  mac: digest,
}) as unknown as z.ZodType<RingDocument>;
