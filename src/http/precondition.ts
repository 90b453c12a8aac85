/** The ring's entity tag, and the writes that are meant for the ring as the caller saw it (RFC 9110 section 13.1.1). */
import type { Context } from "hono";
import { KeyturnError } from "../errors.ts";

/** Strong: one generation of one ring is one document. */
export function ringEtag(ring: string, generation: number): string {
  return `"${ring}.${generation}"`;
}

/** A list of entity tags (RFC 9110 section 8.8.3), and nothing else. */
const TAGS = /^(W\/)?"[\x21\x23-\x7e]*"([ \t]*,[ \t]*(W\/)?"[\x21\x23-\x7e]*")*$/;

/**
 * The generations of `ring` that `If-Match` names; undefined for `*`, which is any. A weak tag, or one of
 * another ring, matches nothing.
 *
 * @throws KeyturnError `precondition_required`, `request_invalid`
 */
export function generationsMeant(c: Context, ring: string): readonly number[] | undefined {
  const given = c.req.header("If-Match")?.trim();
  if (given === undefined) {
    throw new KeyturnError(
      "precondition_required",
      "A command to the ring says which ring it is meant for.",
      {
        fix: "Send the ETag of GET /v1/ring as `If-Match`; or `*`, where it is right for any.",
      },
    );
  }
  if (given === "*") return undefined;
  if (!TAGS.test(given)) {
    throw new KeyturnError("request_invalid", "`If-Match` is no list of entity tags.", {
      fix: "Send the ETag of GET /v1/ring as it is, in its quotes.",
      problems: [{ code: "wrong_value", at: "header/If-Match", message: "Expected entity tags, or *." }],
    });
  }
  return given
    .split(",")
    .map((tag) => /^"(.*)\.([1-9]\d{0,14})"$/.exec(tag.trim()))
    .flatMap((parts) => (parts?.[1] === ring ? [Number(parts[2])] : []));
}
