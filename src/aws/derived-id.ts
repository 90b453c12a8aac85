/** SHA-256 in the form of a UUID (RFC 9562, version 8), as the service recommends for a ClientRequestToken. */
export async function derivedId(parts: readonly string[]): Promise<string> {
  // No part holds a line break, so no two lists are one text.
  const text = new TextEncoder().encode(parts.join("\n"));
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", text)).slice(0, 16);
  const hex = [...bytes]
    .map((byte, at) => (at === 6 ? (byte & 0x0f) | 0x80 : at === 8 ? (byte & 0x3f) | 0x80 : byte))
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
