/**
 * The body of a request: JSON in which everyone reads the same, no larger and no deeper than it need be.
 * Nothing is unpacked, so nothing can blow up. How long a body may take is the server's business.
 */
import type { Context } from "hono";
import * as z from "zod";
import { isKeyturnError, KeyturnError, type Problem } from "../errors.ts";
import { didYouMean, listed } from "../schema.ts";
import { parseStrictJson } from "../strict-json.ts";
import { jsonFault, pointerTo, shown } from "./json-fault.ts";

/** Twice what claims may take, so that a body a little too large still gets an answer that says why. */
export const BODY_BYTES_MAX = 16_384;

/** Objects and lists within each other; no claim that a verifier looks at lies deeper. */
export const BODY_DEPTH_MAX = 8;

/**
 * The JSON object in the body; undefined when there is none at all and it may be left out.
 *
 * @throws KeyturnError `media_type_unsupported`, `body_too_large`, `body_invalid`
 */
export async function readBody(
  c: Context,
  { bytesMax = BODY_BYTES_MAX, optional = false }: { bytesMax?: number; optional?: boolean } = {},
): Promise<object | undefined> {
  const type = c.req.header("Content-Type");
  if (optional && type === undefined) {
    if ((await bytesOf(c, bytesMax)).length === 0) return undefined;
  }
  if (!/^application\/json *(;|$)/i.test(type ?? "")) {
    throw unsupported("The body is not declared as JSON.", "Send `Content-Type: application/json`.");
  }
  if (!/^(identity)?$/i.test(c.req.header("Content-Encoding") ?? "")) {
    throw unsupported("The body is compressed.", "Send it as it is, without `Content-Encoding`.");
  }
  const bytes = await bytesOf(c, bytesMax);
  const json = parseStrictJson(bytes, BODY_DEPTH_MAX);
  if (json === undefined) throw invalid(jsonFault(bytes, BODY_DEPTH_MAX));
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw invalid({ code: "wrong_value", at: "/", message: "Expected a JSON object." });
  return json;
}

/** A body that breaks off is the caller's doing, and nothing for the operator's log. */
async function bytesOf(c: Context, bytesMax: number): Promise<Uint8Array> {
  try {
    return await received(c, bytesMax);
  } catch (error) {
    if (isKeyturnError(error)) throw error;
    throw invalid({ code: "broken_off", at: "/", message: "It broke off." });
  }
}

/** Where a length is declared, the server holds the client to it (RFC 9112 section 6.3); else it is counted. */
async function received(c: Context, bytesMax: number): Promise<Uint8Array> {
  const declared = c.req.header("Content-Length");
  if (declared !== undefined && c.req.header("Transfer-Encoding") === undefined) {
    if (Number(declared) > bytesMax) throw tooLarge(bytesMax);
    return new Uint8Array(await c.req.arrayBuffer());
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of c.req.raw.body ?? []) {
    length += chunk.length;
    if (length > bytesMax) throw tooLarge(bytesMax);
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** The value as `schema` reads it. @throws KeyturnError `fields_invalid`, listing all that is wrong */
export function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = fieldProblems(parsed.error, schema);
  throw new KeyturnError("fields_invalid", `The body cannot be used. ${listed(problems)}`, {
    fix: "Send the members that /openapi.json lists for this request, and no others.",
    problems,
  });
}

/** As `problemsOf`, with pointers, and without names that might be secrets. */
export function fieldProblems(error: z.ZodError, schema: z.ZodType): Problem[] {
  const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  return error.issues.flatMap((issue): Problem[] => {
    const at = pointerTo(issue.path);
    if (issue.code !== "unrecognized_keys") return [{ code: "wrong_value", at, message: messageOf(issue) }];
    return issue.keys.map((name) => ({
      code: "unknown_field",
      at: pointerTo([...issue.path, name]),
      message: `There is no "${shown(name)}" here.${issue.path.length === 0 ? didYouMean(name, known) : ""}`,
    }));
  });
}

/** Where a schema has no words of its own, the validator's say what came as well as what was expected. */
function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code !== "invalid_type" || !issue.message.startsWith("Invalid input")) return issue.message;
  return `Expected a value of type ${issue.expected}.`;
}

function invalid(problem: Problem): KeyturnError {
  return new KeyturnError("body_invalid", `The body cannot be used. ${listed([problem])}`, {
    fix: "Send one JSON object in UTF-8, each member once.",
    problems: [problem],
  });
}

function unsupported(what: string, fix: string): KeyturnError {
  return new KeyturnError("media_type_unsupported", what, { fix });
}

function tooLarge(bytesMax: number): KeyturnError {
  return new KeyturnError("body_too_large", `The body is over ${bytesMax} bytes.`, {
    fix: "Put large data behind a reference; a token travels in a header.",
  });
}
