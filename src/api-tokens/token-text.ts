/**
 * An API token as it is written: `keyturn_`, by which secret scanners know it, 32 random bytes, and a
 * checksum, so that a slip of the pen is told from a token that no longer counts without asking anybody.
 *
 *     keyturn_ 43 characters of base64url  6 of checksum
 */
import { base64url } from "jose";

/** The last character of 32 bytes in base64url carries four bits, so its other two are zero. */
const FORM = /^keyturn_([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])([A-Za-z0-9_-]{6})$/;

/** 36 bits: of typing mistakes, all but one in 69 billion are caught. It proves nothing, and need not. */
const CHECKSUM_LENGTH = 6;

/** @param bytes 32 of them, drawn at random or derived by who has the KEK. */
export async function tokenText(bytes: Uint8Array): Promise<string> {
  const secret = base64url.encode(bytes);
  return `keyturn_${secret}${await checksumOf(secret)}`;
}

/** Whether it was made by `tokenText`, as far as can be told from it alone. */
export async function isTokenText(text: string): Promise<boolean> {
  const [, secret, checksum] = FORM.exec(text) ?? [];
  return secret !== undefined && checksum === (await checksumOf(secret));
}

/** All that is kept of a token: SHA-256 in base64url. What has 256 random bits needs no salt and no stretching. */
export function hashOf(text: string): Promise<string> {
  return sha256(text);
}

async function checksumOf(secret: string): Promise<string> {
  return (await sha256(`keyturn API token ${secret}`)).slice(0, CHECKSUM_LENGTH);
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return base64url.encode(new Uint8Array(digest));
}
