/**
 * Between a book and its stored document: authenticated as a whole under the KEK, so that whoever can
 * write the store but lacks the KEK can neither add a token nor undo a revocation unseen. Nothing in
 * it is encrypted: hashes of 256 random bits tell nothing.
 */
import { base64url } from "jose";
import { KeyturnError } from "../errors.ts";
import type { Kek } from "../keys/kek.ts";
import { authenticated, BOOK_SCHEMA, decodeBook, encodeBook } from "./book-document.ts";
import type { TokenBook } from "./token-book.ts";

/** A book that has been read and authenticated, with the KEK that it is under. */
export interface OpenedBook {
  readonly book: TokenBook;
  readonly kek: Kek;
  /** Tells two books of one generation apart. */
  readonly mac: string;
}

export interface SealedBook extends OpenedBook {
  readonly document: string;
}

export async function sealBook(book: TokenBook, kek: Kek): Promise<SealedBook> {
  const body = { schema: BOOK_SCHEMA, kek: kek.id, book };
  const signature = await crypto.subtle.sign("HMAC", kek.authenticating, bytesOf(authenticated(body)));
  const mac = base64url.encode(new Uint8Array(signature));
  return { book, kek, mac, document: encodeBook({ ...body, mac }) };
}

/**
 * Reads a stored document. `keks` are those in use, `ring` the id of the ring that it must stand beside
 * (null: any).
 *
 * @throws KeyturnError `api_tokens_corrupt`, `kek_mismatch`, `api_tokens_tampered`
 */
export async function openBook(
  document: string,
  keks: readonly Kek[],
  ring: string | null,
): Promise<OpenedBook> {
  const decoded = decodeBook(document);
  const kek = keks.find(({ id }) => id === decoded.kek);
  if (kek === undefined) throw mismatch(decoded.kek, keks);
  const mac = base64url.decode(decoded.mac) as Uint8Array<ArrayBuffer>;
  if (!(await crypto.subtle.verify("HMAC", kek.authenticating, mac, bytesOf(authenticated(decoded))))) {
    throw new KeyturnError(
      "api_tokens_tampered",
      "The stored API tokens are not authentic: they were changed without the KEK.",
      {
        fix: "Nothing was overwritten. Find out who wrote to the store, then restore the newest whole copy.",
      },
    );
  }
  if (ring !== null && decoded.book.ring !== ring) throw ofAnotherRing(decoded.book.ring, ring);
  return { book: decoded.book, kek, mac: decoded.mac };
}

/** Deployments may share a KEK, and then a copied book would let one's callers into the other. */
function ofAnotherRing(found: string, wanted: string): KeyturnError {
  return new KeyturnError(
    "api_tokens_tampered",
    `The stored API tokens are those of another ring: they stand beside ${found}, and this is ${wanted}.`,
    {
      fix:
        "Nothing was overwritten. Put this ring's own back; where there are none, " +
        "move these away, restart the nodes and issue API tokens anew.",
    },
  );
}

function mismatch(wanted: string, keks: readonly Kek[]): KeyturnError {
  const present = keks.map(({ id }) => id).join(", ");
  return new KeyturnError(
    "kek_mismatch",
    `The API tokens are kept under the KEK with id ${wanted}; given: ${present}.`,
    {
      fix: "Configure the KEK with that id. Nothing was overwritten.",
    },
  );
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
