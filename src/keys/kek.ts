/**
 * The key-encryption key: 32 random bytes, kept apart from the ring. From it come the key that
 * seals private JWKs, the key that authenticates the document, and an id that says which KEK a
 * document wants without saying anything about it. The bytes themselves are not kept.
 */
import { base64url } from "jose";
import { KeyturnError } from "../errors.ts";

export interface Kek {
  readonly id: string;
  /** AES-256 key wrap (RFC 3394), non-extractable. */
  readonly sealing: CryptoKey;
  /** HMAC-SHA-256, non-extractable. */
  readonly authenticating: CryptoKey;
}

export const KEK_BYTES = 32;

/** The KEK of keys.example.json. Everyone knows it, so nothing but the example may be opened with it. */
export const EXAMPLE_KEK = "ZXhhbXBsZS1rZWstZm9yLXRoZS1kb2NzLU5FVkVSLXU";

/** 32 random bytes have about 30 different values; fewer than this is a pattern, not chance. */
const DISTINCT_BYTES_MIN = 16;

/** A new random KEK, as text for a file or a secret manager. */
export function generateKek(): string {
  return base64url.encode(crypto.getRandomValues(new Uint8Array(KEK_BYTES)));
}

/**
 * Reads a KEK from its text: 32 bytes in base64url, white space around it ignored.
 *
 * @throws KeyturnError `kek_invalid`; the text is never part of the message.
 */
export async function parseKek(text: string, options: { allowExample?: boolean } = {}): Promise<Kek> {
  const trimmed = text.trim();
  if (trimmed === EXAMPLE_KEK && options.allowExample !== true) {
    throw invalid("it is the published example of keys.example.json, which protects nothing");
  }
  if (!/^[A-Za-z0-9_-]{43}$/.test(trimmed)) throw invalid("it is not 43 characters of base64url");
  const bytes = base64url.decode(trimmed);
  // The last character carries four bits; were more let through, the example would have other spellings.
  if (base64url.encode(bytes) !== trimmed) throw invalid("its last character does not end 32 bytes");
  if (new Set(bytes).size < DISTINCT_BYTES_MIN)
    throw invalid("its bytes follow a pattern and were not drawn at random");
  return deriveKek(bytes);
}

async function deriveKek(bytes: Uint8Array): Promise<Kek> {
  const base = await crypto.subtle.importKey("raw", bytes as Uint8Array<ArrayBuffer>, "HKDF", false, [
    "deriveBits",
    "deriveKey",
  ]);
  const id = await crypto.subtle.deriveBits(derivation("id"), base, 96);
  const sealing = crypto.subtle.deriveKey(derivation("seal"), base, { name: "AES-KW", length: 256 }, false, [
    "wrapKey",
    "unwrapKey",
  ]);
  const hmac = { name: "HMAC", hash: "SHA-256", length: 256 };
  const authenticating = crypto.subtle.deriveKey(derivation("mac"), base, hmac, false, ["sign", "verify"]);
  return {
    id: base64url.encode(new Uint8Array(id)),
    sealing: await sealing,
    authenticating: await authenticating,
  };
}

/** HKDF-SHA-256 (RFC 5869). The KEK is uniformly random, so no salt is needed (section 3.1). */
function derivation(purpose: "id" | "seal" | "mac"): HkdfParams {
  const info = new TextEncoder().encode(`keyturn 1 ${purpose}`);
  return { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info };
}

function invalid(why: string): KeyturnError {
  return new KeyturnError(
    "kek_invalid",
    `The KEK cannot be used: ${why}. Expected 32 random bytes in base64url.`,
    {
      fix: "Make one with `keyturn init`, or with: openssl rand 32 | basenc --base64url | tr -d =",
    },
  );
}
