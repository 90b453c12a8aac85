/** A KEK that is wrapped by KMS, as text: `kms.` and the ciphertext in base64url. */
const PREFIX = "kms.";

/** What KMS decrypts at most. */
const CIPHERTEXT_BYTES_MAX = 6144;

export function wrappedText(ciphertext: Uint8Array): string {
  return `${PREFIX}${base64urlOf(ciphertext)}`;
}

export function isWrapped(text: string): boolean {
  return text.startsWith(PREFIX);
}

/** @returns null when it is no such text. */
export function ciphertextIn(text: string): Uint8Array | null {
  const encoded = isWrapped(text) ? text.slice(PREFIX.length) : "";
  if (!/^[A-Za-z0-9_-]+$/.test(encoded) || encoded.length % 4 === 1) return null;
  const binary = atob(encoded.replaceAll("-", "+").replaceAll("_", "/"));
  return binary.length > CIPHERTEXT_BYTES_MAX
    ? null
    : Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** Without padding (RFC 7515 section 2). */
export function base64urlOf(bytes: Uint8Array): string {
  const encoded = btoa(String.fromCharCode(...bytes));
  return encoded.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
