/** The body of a JWKS (RFC 7517 section 5), from wherever it came, before its keys are looked at. */

import { parseStrictJson } from "../strict-json.ts";
import { isObject } from "./parse.ts";

export interface JwksDocument {
  readonly keys: readonly unknown[];
  /** keyturn's additional members: within one ring the generation only ever rises. Null where absent. */
  readonly ring: string | null;
  readonly generation: number | null;
}

/** A list without keys is a JWKS, and says that no key is valid; null is none at all. */
export function parseJwks(body: Uint8Array, maxKeys: number): JwksDocument | null {
  return jwksOf(parseStrictJson(body), maxKeys);
}

export function jwksOf(document: unknown, maxKeys: number): JwksDocument | null {
  if (!isObject(document)) return null;
  const { keys, ring, generation } = document;
  if (!Array.isArray(keys) || keys.length > maxKeys) return null;
  // Others may use these names for something else: only the two together, well formed, count.
  const isOurs =
    typeof ring === "string" && typeof generation === "number" && Number.isSafeInteger(generation);
  return { keys, ring: isOurs ? ring : null, generation: isOurs ? generation : null };
}

/** Whether `document` was made before what is known: the answer of a stale edge, or a restored backup. */
export function isOlder(
  document: Pick<JwksDocument, "ring" | "generation">,
  known: Pick<JwksDocument, "ring" | "generation">,
): boolean {
  if (document.ring === null || document.ring !== known.ring) return false;
  return (document.generation as number) < (known.generation as number);
}
