/**
 * ECDSA signatures from JOSE's fixed-length r‖s (RFC 7518 section 3.4) to the DER that OpenSSL takes
 * (`SEQUENCE { INTEGER r, INTEGER s }`, X.690). The input comes from outside: its length has been
 * checked, and any r and s give well-formed DER, so that it is for OpenSSL to judge the numbers.
 */

const SEQUENCE = 0x30;
const INTEGER = 0x02;
/** From here on a length takes a second byte (X.690 section 8.1.3.5), which P-521 reaches. */
const LONG_LENGTH = 0x80;

/** The most that {@link derFromRaw} writes. */
export const DER_BYTES_MAX: number = 3 + 2 * (3 + 66);

/** Writes the DER of `raw` into `der`; returns how many bytes it takes. */
export function derFromRaw(raw: Uint8Array, der: Uint8Array): number {
  const half = raw.length >> 1;
  const r = skipZeros(raw, 0, half);
  const s = skipZeros(raw, half, raw.length);
  const content = 4 + integerLength(raw, r, half) + integerLength(raw, s, raw.length);
  let at = 0;
  der[at++] = SEQUENCE;
  if (content >= LONG_LENGTH) der[at++] = LONG_LENGTH | 1;
  der[at++] = content;
  at = writeInteger(raw, r, half, der, at);
  return writeInteger(raw, s, raw.length, der, at);
}

/** Where the number begins: DER has no leading zeros, but keeps the last byte of a zero. */
function skipZeros(raw: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end - 1 && raw[at] === 0) at++;
  return at;
}

/** A leading zero goes before a number whose first bit would make it negative. */
function integerLength(raw: Uint8Array, start: number, end: number): number {
  return end - start + ((raw[start] as number) >> 7);
}

function writeInteger(raw: Uint8Array, start: number, end: number, der: Uint8Array, to: number): number {
  let at = to;
  der[at++] = INTEGER;
  der[at++] = integerLength(raw, start, end);
  if ((raw[start] as number) > 0x7f) der[at++] = 0;
  for (let from = start; from < end; from++) der[at++] = raw[from] as number;
  return at;
}
