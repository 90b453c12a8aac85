/**
 * JSON (RFC 8259) in which everyone reads the same. Refused is what parsers differ on: a name twice
 * in one object (RFC 7515 section 4, RFC 7519 section 4), bytes that are not UTF-8 (RFC 8725 section
 * 3.7), a byte order mark, half a surrogate pair, `__proto__`, and nesting without end.
 */

/** Deeper than any claim, and shallow enough for any stack. */
const DEPTH_MAX = 32;

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The value, frozen through and through; undefined where the bytes are not strict JSON, or nest objects and
 * lists deeper than `depthMax`.
 */
export function parseStrictJson(bytes: Uint8Array, depthMax: number = DEPTH_MAX): unknown {
  try {
    const text = utf8.decode(bytes);
    const members = countMembers(bytes);
    const value: unknown = JSON.parse(text);
    // Half of a surrogate pair can only come from an escape, once the bytes are UTF-8.
    const found = freezeAndCount(value, text.includes("\\u"), depthMax);
    // JSON.parse keeps one of several members of a name: then there are fewer than were written.
    return found === members ? value : undefined;
  } catch {
    return undefined;
  }
}

/** How many members the text writes: each has one colon outside of strings. */
function countMembers(bytes: Uint8Array): number {
  let members = 0;
  let quoted = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) quoted = !quoted;
    else if (byte === BACKSLASH) at++;
    else if (byte === COLON && !quoted) members++;
  }
  return members;
}

/** How many members the value has, at all depths; NaN, equal to nothing, where it must be refused. */
function freezeAndCount(value: unknown, escaped: boolean, depth: number): number {
  if (typeof value === "string") return escaped && isBroken(value) ? Number.NaN : 0;
  if (typeof value !== "object" || value === null) return 0;
  if (depth === 0) return Number.NaN;
  let members = 0;
  if (Array.isArray(value)) {
    for (const item of value) members += freezeAndCount(item, escaped, depth - 1);
  } else {
    for (const [name, inner] of Object.entries(value)) {
      if (name === "__proto__" || (escaped && isBroken(name))) return Number.NaN;
      members += 1 + freezeAndCount(inner, escaped, depth - 1);
    }
  }
  Object.freeze(value);
  return members;
}

/** Whether half of a surrogate pair stands alone in it. */
function isBroken(text: string): boolean {
  return /\p{Surrogate}/u.test(text);
}
