/**
 * base64url as JOSE has it (RFC 7515 section 2, RFC 4648 section 5), and only in its one canonical
 * form: no padding, no white space, no other alphabet, and unused bits zero (RFC 4648 section 3.5).
 * A lenient decoder would give one token many spellings, and every denylist a way around it.
 */
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** The six bits of each character; with the sign bit set for all others. */
const BITS = new Int8Array(128).fill(-1);
for (let bits = 0; bits < ALPHABET.length; bits++) BITS[ALPHABET.charCodeAt(bits)] = bits;

/** What stands in for characters that the last group of four lacks: six zero bits. */
const ZERO = 65;

/** Decodes `text` from `start` to `end`; null where that is not canonical base64url. */
export function decodeBase64url(text: string, start = 0, end: number = text.length): Uint8Array | null {
  const rest = (end - start) & 3;
  // One character alone holds six bits, which is no byte.
  if (rest === 1) return null;
  // What the last group has beyond it is written past the end, where a typed array takes nothing.
  const bytes = new Uint8Array(((end - start) * 3) >> 2);
  // What must not be is gathered up instead of branched on: sign bits, and characters above ASCII.
  let signs = 0;
  let codes = 0;
  let x = 0;
  let y = 0;
  for (let at = start, to = 0; at < end; at += 4, to += 3) {
    const a = text.charCodeAt(at);
    const b = text.charCodeAt(at + 1);
    const c = at + 2 < end ? text.charCodeAt(at + 2) : ZERO;
    const d = at + 3 < end ? text.charCodeAt(at + 3) : ZERO;
    codes |= a | b | c | d;
    const w = bitsOf(a);
    x = bitsOf(b);
    y = bitsOf(c);
    const z = bitsOf(d);
    signs |= w | x | y | z;
    bytes[to] = (w << 2) | (x >> 4);
    bytes[to + 1] = (x << 4) | (y >> 2);
    bytes[to + 2] = (y << 6) | z;
  }
  const unused = rest === 2 ? x & 0b1111 : rest === 3 ? y & 0b11 : 0;
  return signs < 0 || codes > 127 || unused !== 0 ? null : bytes;
}

function bitsOf(code: number): number {
  return BITS[code & 127] as number;
}
