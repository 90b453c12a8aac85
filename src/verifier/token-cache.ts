/**
 * Tokens that have been verified, because a bearer shows the same one again and again. An entry
 * holds only as long as its key lives and the clock allows; that is the caller's to check.
 *
 * Looking up is faster than hashing the token would be: it is found by a number made of the few
 * characters at its end, which are of the signature and therefore random, and then the **whole
 * token** is compared. Two generations take the place of a list in order of use: a hit writes nothing.
 */

export interface TokenCacheLimits {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

export interface TokenCache<Entry extends { readonly token: string }> {
  get(token: string): Entry | undefined;
  /** Only verified tokens may come in: then no stranger can fill it, or choose what is evicted. */
  add(entry: Entry): void;
  delete(entry: Entry): void;
  readonly size: number;
}

/** Eight characters of base64url are 48 random bits of the signature. */
const KEY_LENGTH = 8;

/** An entry beside its token's characters: claims as objects, map slots. About what V8 shows for a dozen claims. */
const ENTRY_BYTES = 1024;

export function tokenCache<Entry extends { readonly token: string }>({
  maxEntries,
  maxBytes,
}: TokenCacheLimits): TokenCache<Entry> {
  let young = new Map<number, Entry>();
  let old = new Map<number, Entry>();
  let youngBytes = 0;

  function add(entry: Entry): void {
    const bytes = bytesOf(entry.token);
    // Half for each generation; what does not fit into one is not kept at all.
    if (bytes > maxBytes / 2 || maxEntries < 2) return;
    if (young.size >= maxEntries / 2 || youngBytes + bytes > maxBytes / 2) {
      old = young;
      young = new Map();
      youngBytes = 0;
    }
    const key = keyOf(entry.token);
    if (!young.has(key)) youngBytes += bytes;
    young.set(key, entry);
  }

  return {
    get(token) {
      const key = keyOf(token);
      const recent = young.get(key);
      if (recent?.token === token) return recent;
      const entry = old.get(key);
      if (entry?.token !== token) return undefined;
      // Used again, so it outlives the older generation.
      old.delete(key);
      add(entry);
      return entry;
    },
    add,
    delete(entry) {
      const key = keyOf(entry.token);
      for (const generation of [young, old]) if (generation.get(key) === entry) generation.delete(key);
    },
    get size() {
      return young.size + old.size;
    },
  };
}

/** Claims parsed from a token hold about its characters once more, in one or two bytes each. */
function bytesOf(token: string): number {
  return 3 * token.length + ENTRY_BYTES;
}

/**
 * A number from the token's end, faster than a hash of it: tokens with the same number merely take
 * each other's place. The last character is left out, because some of its bits are always zero.
 */
function keyOf(token: string): number {
  const end = token.length - 1;
  let key = 0;
  for (let at = end - KEY_LENGTH; at < end; at++) key = (Math.imul(key, 67) + token.charCodeAt(at)) | 0;
  return key;
}
