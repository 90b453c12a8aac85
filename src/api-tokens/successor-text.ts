/**
 * The value of a successor is not drawn but derived, from the KEK and from what it follows. So every
 * node gives the same answer to the same question for as long as the overlap lasts, and nobody has to
 * keep the value anywhere in between.
 */
import type { Kek } from "../keys/kek.ts";
import type { ApiToken } from "./api-token.ts";
import { hashOf, tokenText } from "./token-text.ts";

/** The value of the token `successor` that follows `predecessor` in the book with id `book`. */
export async function successorText(
  kek: Kek,
  book: string,
  predecessor: Pick<ApiToken, "id" | "hash">,
  successor: string,
): Promise<string> {
  // Words of its own: the same key authenticates rings and books. No part holds a space.
  const from = `keyturn API token successor ${book} ${predecessor.id} ${predecessor.hash} ${successor}`;
  const mac = await crypto.subtle.sign("HMAC", kek.authenticating, new TextEncoder().encode(from));
  return tokenText(new Uint8Array(mac));
}

/** The value that was given out before; null when the KEK that it came from is not among `keks` any more. */
export async function knownSuccessorText(
  keks: readonly Kek[],
  book: string,
  predecessor: Pick<ApiToken, "id" | "hash">,
  successor: Pick<ApiToken, "id" | "hash">,
): Promise<string | null> {
  for (const kek of keks) {
    const text = await successorText(kek, book, predecessor, successor.id);
    if ((await hashOf(text)) === successor.hash) return text;
  }
  return null;
}
