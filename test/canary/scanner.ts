/**
 * Searches streams of bytes for secrets in every spelling. The cost is that of one pass, however many
 * secrets there are: four bytes at a time are looked up in a table, and only what is in it is compared.
 */
import { type Secret, type Spelling, type Writing, writingsOf } from "./writings.ts";

export interface Leak {
  /** Where it was found. */
  readonly source: string;
  readonly secret: string;
  readonly spelling: Spelling;
}

export interface Scanner {
  /** Searches the next part of what came from `source`. Parts may be cut anywhere. */
  scan(source: string, part: Uint8Array | string): void;
  /** Each once. */
  readonly leaks: readonly Leak[];
  /** All that was handed in. */
  readonly bytesScanned: number;
}

/** What is looked at again together with the next part: longer than any writing, white space included. */
const OVERLAP_BYTES = 8192;

const TABLE_BITS = 20;

export function scanner(secrets: readonly Secret[]): Scanner {
  const table = new Uint8Array(1 << TABLE_BITS);
  const byStart = new Map<number, Writing[]>();
  for (const writing of secrets.flatMap(writingsOf)) {
    const start = writing.bytes.readInt32LE(0);
    table[slotOf(start)] = 1;
    byStart.set(start, [...(byStart.get(start) ?? []), writing]);
  }
  const tails = new Map<string, Buffer>();
  const leaks = new Map<string, Leak>();
  let bytesScanned = 0;

  function search(source: string, text: Buffer): void {
    let start = 0;
    for (let at = 0; at < text.length; at++) {
      start = (start >>> 8) | ((text[at] as number) << 24);
      if (at < 3 || table[slotOf(start)] === 0) continue;
      const from = at - 3;
      for (const { secret, spelling, bytes } of byStart.get(start) ?? []) {
        if (text.compare(bytes, 0, bytes.length, from, Math.min(text.length, from + bytes.length)) !== 0)
          continue;
        leaks.set(`${source} ${secret} ${spelling}`, { source, secret, spelling });
      }
    }
  }

  return {
    scan(source, part) {
      const bytes = typeof part === "string" ? Buffer.from(part, "utf8") : Buffer.from(part);
      bytesScanned += bytes.length;
      const text = Buffer.concat([tails.get(source) ?? Buffer.alloc(0), bytes]);
      tails.set(source, text.subarray(-OVERLAP_BYTES));
      search(source, text);
      const words = text.toString("latin1");
      const closed = closedUp(words);
      search(source, Buffer.from(closed, "latin1"));
      if (closed.includes(":")) search(source, Buffer.from(closed.replaceAll(":", ""), "latin1"));
      for (const inner of encodedIn(words)) search(source, inner);
    },
    get leaks() {
      return [...leaks.values()];
    },
    get bytesScanned() {
      return bytesScanned;
    },
  };
}

function slotOf(start: number): number {
  return Math.imul(start, 0x9e3779b1) >>> (32 - TABLE_BITS);
}

/**
 * Without what stands between the characters of a secret that is laid out for people: blanks of a hex
 * dump or a list, line breaks of PEM, also where JSON or `inspect` wrote them as `\n`.
 */
function closedUp(text: string): string {
  return text.replace(/\\n['"] \+\s*['"]|\\[rnt]|\s+/g, "");
}

/** What lies in base64 inside the text, such as the claims of a token, from each place where it may begin. */
function* encodedIn(text: string): Iterable<Buffer> {
  for (const [run] of text.matchAll(/[A-Za-z0-9_+/-]{24,}/g))
    for (const skipped of [0, 1, 2, 3]) yield Buffer.from(run.slice(skipped), "base64");
}
