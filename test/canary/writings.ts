/**
 * Every way in which the bytes of a secret might be written down. A secret is searched for in
 * pieces, because a text that is cut short still gives most of it away: any 31 bytes in a row hold a
 * whole piece.
 */

export interface Secret {
  /** For people: `d of the first ES256 key`. Never any of it. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

export const SPELLINGS = [
  "raw",
  "base64",
  "base64url",
  "hex",
  "HEX",
  "byte list",
  "indexed bytes",
  "decimal",
] as const;

export type Spelling = (typeof SPELLINGS)[number];

/** One piece of one secret in one spelling: to find it is to have found a leak. */
export interface Writing {
  readonly secret: string;
  readonly spelling: Spelling;
  readonly bytes: Buffer;
}

/** 128 bits: nothing else has them by chance. */
const PIECE_BYTES = 16;

export function writingsOf({ name, bytes }: Secret): Writing[] {
  const whole = Buffer.from(bytes);
  const write = (spelling: Spelling, text: string | Buffer): Writing => ({
    secret: name,
    spelling,
    bytes: typeof text === "string" ? Buffer.from(text, "latin1") : text,
  });
  const pieces = offsetsIn(whole.length).flatMap((offset) => {
    const piece = whole.subarray(offset, offset + PIECE_BYTES);
    return [
      write("raw", Buffer.from(piece)),
      ...[0, 1, 2].flatMap((before) => {
        const text = insideBase64(piece, before);
        const url = text.replaceAll("+", "-").replaceAll("/", "_");
        return url === text ? [write("base64", text)] : [write("base64", text), write("base64url", url)];
      }),
      write("hex", piece.toString("hex")),
      write("HEX", piece.toString("hex").toUpperCase()),
      write("byte list", [...piece].join(",")),
      write("indexed bytes", [...piece].map((byte, i) => `"${offset + i}":${byte}`).join(",")),
    ];
  });
  return [...pieces, write("decimal", BigInt(`0x${whole.toString("hex")}`).toString())];
}

/** Pieces that lie end to end, the last one moved back so that it is whole. */
function offsetsIn(length: number): number[] {
  const last = Math.max(0, length - PIECE_BYTES);
  const offsets = Array.from({ length: Math.ceil(length / PIECE_BYTES) }, (_, i) => i * PIECE_BYTES);
  return [...new Set(offsets.map((offset) => Math.min(offset, last)))];
}

/**
 * The characters of base64 that are the piece's alone when `before` bytes of a group of three stand in
 * front of it: what an encoding of anything that contains the piece must contain.
 */
function insideBase64(piece: Buffer, before: number): string {
  const bits = (bytes: number) => bytes * 8;
  const text = Buffer.concat([Buffer.alloc(before), piece]).toString("base64");
  return text.slice(Math.ceil(bits(before) / 6), Math.floor(bits(before + piece.length) / 6));
}
