/**
 * Keys without cryptography, in the place of src/keys for lean worlds: a kid that is new, a signer
 * that signs nothing, a document that is the ring itself. All rules of the ring, the manager's
 * loops, its snapshot and its witness are the product's own.
 */

import type { Algorithm } from "../../src/ring/algorithm.ts";
import { assertRing } from "../../src/ring/invariant.ts";
import type { KeyRing, NewKey } from "../../src/ring/ring.ts";

interface Kek {
  readonly id: string;
}

const kek: Kek = { id: "kek" };
const documents = new Map<string, KeyRing>();
/** Nobody asks for older ones: the store forgets them as well. */
const DOCUMENTS_MAX = 500;
let made = 0;

function next(): string {
  made++;
  return String(made).padStart(6, "0");
}

export function ringIn(document: string): KeyRing {
  const ring = documents.get(document);
  if (ring === undefined) throw new Error(`There is no ${document}.`);
  return ring;
}

// src/keys/kek.ts
export const parseKek = async (): Promise<Kek> => kek;
export const generateKek = (): string => "kek";

// src/keys/generate.ts
export async function generateKey({ alg }: { readonly alg: Algorithm }): Promise<NewKey> {
  const kid = `key-${next()}`;
  return { kid, alg, publicJwk: { kty: "EC", crv: "P-256", x: kid, y: kid }, sealedJwk: "" };
}
export const thumbprint = async ({ x }: { readonly x: string }): Promise<string> => x;
export async function selfTest(): Promise<void> {}

// src/keys/seal.ts
export const sealJwk = async (): Promise<string> => "";
export const openJwk = async (): Promise<object> => ({});

// src/keys/sealed-ring.ts
export async function sealRing(ring: KeyRing): Promise<string> {
  const document = `document ${next()}`;
  if (documents.size >= DOCUMENTS_MAX) documents.delete(documents.keys().next().value as string);
  documents.set(document, ring);
  return document;
}
export async function openRing(document: string): Promise<{ ring: KeyRing; kek: Kek }> {
  const ring = ringIn(document);
  assertRing(ring);
  return { ring, kek };
}

// src/keys/signer.ts
export async function createSigner({ kid }: { readonly kid: string }) {
  return { kid, sign: () => "a token" };
}
