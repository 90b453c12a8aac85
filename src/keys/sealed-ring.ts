/**
 * Between a ring and its stored document: authenticated as a whole under the KEK, so that whoever
 * can write the store but lacks the KEK can neither add a key nor undo a revocation unseen.
 */
import { base64url } from "jose";
import { KeyturnError } from "../errors.ts";
import { authenticated, DOCUMENT_SCHEMA, decodeDocument, encodeDocument } from "../ring/document.ts";
import { assertRing } from "../ring/invariant.ts";
import type { KeyRing } from "../ring/ring.ts";
import { thumbprint } from "./generate.ts";
import type { Kek } from "./kek.ts";

export async function sealRing(ring: KeyRing, kek: Kek): Promise<string> {
  const body = { schema: DOCUMENT_SCHEMA, kek: kek.id, ring };
  const mac = await crypto.subtle.sign("HMAC", kek.authenticating, bytesOf(authenticated(body)));
  return encodeDocument({ ...body, mac: base64url.encode(new Uint8Array(mac)) });
}

/** A ring that has been read, authenticated and checked, with the KEK that opens its keys. */
export interface OpenedRing {
  readonly ring: KeyRing;
  readonly kek: Kek;
}

/**
 * Reads a stored document. `keks` are those in use, the preferred one first.
 *
 * @throws KeyturnError `ring_corrupt`, `ring_schema_unknown`, `kek_mismatch`, `ring_tampered`,
 *   `ring_invalid`
 */
export async function openRing(document: string, keks: readonly Kek[]): Promise<OpenedRing> {
  const decoded = decodeDocument(document);
  const kek = keks.find(({ id }) => id === decoded.kek);
  if (kek === undefined) throw mismatch(decoded.kek, keks);
  const mac = base64url.decode(decoded.mac) as Uint8Array<ArrayBuffer>;
  if (!(await crypto.subtle.verify("HMAC", kek.authenticating, mac, bytesOf(authenticated(decoded))))) {
    throw new KeyturnError(
      "ring_tampered",
      "The stored ring is not authentic: it was changed without the KEK.",
      {
        fix: "Nothing was overwritten. Find out who wrote to the store, then restore the newest whole copy.",
      },
    );
  }
  assertRing(decoded.ring);
  await assertThumbprints(decoded.ring);
  return { ring: decoded.ring, kek };
}

async function assertThumbprints(ring: KeyRing): Promise<void> {
  for (const { kid, publicJwk, imported } of ring.keys) {
    // A key that comes from elsewhere keeps the name that its verifiers know.
    if (imported === true || (await thumbprint(publicJwk)) === kid) continue;
    throw new KeyturnError("ring_invalid", `Key ${kid} is not named by the thumbprint of its public key.`, {
      fix: "Restore the newest whole copy of the ring.",
    });
  }
}

function mismatch(wanted: string, keks: readonly Kek[]): KeyturnError {
  const present = keks.map(({ id }) => id).join(", ");
  return new KeyturnError(
    "kek_mismatch",
    `The ring is sealed under the KEK with id ${wanted}; given: ${present}.`,
    {
      fix: "Configure the KEK with that id. Nothing was overwritten.",
    },
  );
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
