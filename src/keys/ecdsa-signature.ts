/**
 * ECDSA signatures from OpenSSL's DER (`SEQUENCE { INTEGER r, INTEGER s }`, X.690) to JOSE's
 * fixed-length r‖s (RFC 7518 section 3.4). The input comes from OpenSSL and never from outside.
 */
export function rawFromDer(der: Buffer, coordinateBytes: number): Buffer {
  const raw = Buffer.alloc(2 * coordinateBytes);
  // The sequence's length takes a second byte from 128 on, which P-521 reaches.
  const r = der[1] === 0x81 ? 3 : 2;
  const s = place(der, r, raw, coordinateBytes);
  place(der, s, raw, 2 * coordinateBytes);
  return raw;
}

/** Copies the integer at `at` so that it ends at `end`; returns where the next one starts. */
function place(der: Buffer, at: number, raw: Buffer, end: number): number {
  const next = at + 2 + (der[at + 1] as number);
  // A leading zero only says that the integer is positive.
  const start = der[at + 2] === 0 ? at + 3 : at + 2;
  // Byte by byte, because a call for so few costs more.
  for (let from = start, to = end - (next - start); from < next; from++, to++) raw[to] = der[from] as number;
  return next;
}
