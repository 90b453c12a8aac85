/**
 * ECDSA signatures from OpenSSL's DER (`SEQUENCE { INTEGER r, INTEGER s }`, X.690) to JOSE's
 * fixed-length r‖s (RFC 7518 section 3.4). The input comes from OpenSSL and never from outside.
 */
export function rawFromDer(der: Buffer, coordinateBytes: number): Buffer {
  const raw = Buffer.allocUnsafe(2 * coordinateBytes);
  // The sequence's length takes a second byte from 128 on, which P-521 reaches.
  const r = der[1] === 0x81 ? 3 : 2;
  const s = place(der, r, raw, 0, coordinateBytes);
  place(der, s, raw, coordinateBytes, coordinateBytes);
  return raw;
}

/**
 * Puts the integer at `from` into the `length` bytes at `to`, without DER's leading zero and with
 * the zeros that DER leaves out. Returns where the next integer starts.
 */
function place(der: Buffer, from: number, raw: Buffer, to: number, length: number): number {
  const first = from + 2;
  const next = first + (der[from + 1] as number);
  // Byte by byte, last to first: for so few, a call of copy and of fill would cost more than this.
  for (let at = 1; at <= length; at++)
    raw[to + length - at] = next - at < first ? 0 : (der[next - at] as number);
  return next;
}
