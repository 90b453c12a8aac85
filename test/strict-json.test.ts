import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseStrictJson } from "../src/strict-json.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const parse = (text: string) => parseStrictJson(bytesOf(text));

/** JSON as anyone may write it: no `__proto__`, no halves of surrogate pairs, not too deep. */
const json = fc
  .jsonValue({ maxDepth: 6, stringUnit: "grapheme" })
  .filter((value) => !JSON.stringify(value).includes('"__proto__":'))
  // JSON writes -0 as 0.
  .map((value) => JSON.parse(JSON.stringify(value)) as unknown);

function isFrozenThrough(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(isFrozenThrough);
}

/** The same value with every character of every string written as an escape. */
function escaped(value: unknown): string {
  return JSON.stringify(value).replace(/"(?:[^"\\]|\\.)*"/g, (text) => {
    const units = Array.from({ length: (JSON.parse(text) as string).length }, (_, at) =>
      (JSON.parse(text) as string).charCodeAt(at).toString(16).padStart(4, "0"),
    );
    return `"${units.map((unit) => `\\u${unit}`).join("")}"`;
  });
}

describe("a JSON value", () => {
  it("comes back as it was written, and frozen through and through", () => {
    fc.assert(
      fc.property(json, fc.constantFrom(undefined, 1, "\t"), (value, indent) => {
        const parsed = parse(JSON.stringify(value, null, indent));
        expect(parsed).toEqual(value);
        expect(isFrozenThrough(parsed)).toBe(true);
      }),
    );
  });

  it("may be written in escapes", () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(parse(escaped(value))).toEqual(value);
      }),
    );
  });

  it("is refused with one member more of a name that is there, at any depth, however it is written", () => {
    const members = fc.dictionary(fc.string({ minLength: 1 }), json, { minKeys: 1, maxKeys: 4 });
    fc.assert(
      fc.property(members, fc.nat(), fc.boolean(), fc.nat(5), (object, pick, inEscapes, depth) => {
        const names = Object.keys(object).filter((name) => name !== "__proto__");
        const name = names[pick % names.length];
        if (name === undefined) return;
        const again = inEscapes ? escaped(name) : JSON.stringify(name);
        const twice = `${JSON.stringify(object).slice(0, -1)},${again}:0}`;
        const wrapped = `${'[{"outer":'.repeat(depth)}${twice}${"}]".repeat(depth)}`;
        expect(parse(wrapped)).toBeUndefined();
        expect(JSON.parse(wrapped)).toBeDefined();
      }),
    );
  });

  it("keeps names that differ in case or in form apart", () => {
    expect(parse('{"a":1,"A":2,"\\u00e9":3,"e\\u0301":4}')).toEqual({ a: 1, A: 2, é: 3, "e\u0301": 4 });
  });

  it("may hold colons, quotes and backslashes in its strings and names", () => {
    const value = { 'a:"b\\': 'c:{"d":1}\\"', ":": ["\\", '"', "\\\\:"] };
    expect(parse(JSON.stringify(value))).toEqual(value);
  });

  it("may have names that objects inherit", () => {
    const text = '{"constructor":{"prototype":{"polluted":true}},"toString":1,"hasOwnProperty":2}';
    expect(parse(text)).toEqual(JSON.parse(text));
    expect({}).not.toHaveProperty("polluted");
  });
});

describe("refused is", () => {
  const nested = (depth: number, open: string, close: string) => open.repeat(depth) + close.repeat(depth);

  it.each([
    ["a name twice", '{"a":1,"a":1}'],
    ["a name twice, once in escapes", '{"alg":"none","\\u0061lg":"ES256"}'],
    ["a name twice, the first in escapes", '{"\\u0061lg":"none","alg":"ES256"}'],
    ["a name twice, with other members between", '{"a":1,"b":{"c":1},"a":2}'],
    ["a name twice within a list", '[1,[{"a":{},"a":{}}]]'],
    ["an empty name twice", '{"":1,"":2}'],
    ["__proto__", '{"__proto__":{"admin":true}}'],
    ["__proto__ in escapes", '{"\\u005f_proto__":null}'],
    ["__proto__ deeper", '{"a":[{"__proto__":1}]}'],
    ["__proto__ twice", '{"__proto__":1,"__proto__":2}'],
    ["a high surrogate alone", '"\\ud800"'],
    ["a low surrogate alone", '{"a":"\\udc00"}'],
    ["surrogates in the wrong order", '["\\udc00\\ud800"]'],
    ["half a pair in a name", '{"\\ud83d":1}'],
    ["half a pair, deep in a list", '{"a":[1,["\\uD83D x"]]}'],
    ["text after the value", '{"a":1} x'],
    ["a second value", "{}{}"],
    ["nothing", ""],
    ["white space alone", " \n"],
    ["NaN", '{"exp":NaN}'],
    ["Infinity", '{"exp":Infinity}'],
    ["a comment", "{}//"],
    ["a trailing comma", '{"a":1,}'],
    ["single quotes", "{'a':1}"],
    ["a name without quotes", "{a:1}"],
    ["a control character in a string", '"\u0001"'],
    ["a number with a leading zero", "01"],
    ["white space that is not JSON's", "\u00a0{}"],
    ["lists in lists, 33 deep", nested(33, "[", "]")],
    ["objects in objects, 33 deep", `${'{"a":'.repeat(33)}1${"}".repeat(33)}`],
    ["lists in lists without end", "[".repeat(60_000)],
    ["lists in lists, very deep", nested(30_000, "[", "]")],
  ])("%s", (_, text) => {
    expect(parse(text)).toBeUndefined();
  });

  it.each([
    ["a byte order mark", Buffer.from("\ufeff{}")],
    ["a byte that is in no UTF-8", Buffer.from([0x22, 0xff, 0x22])],
    ["a character cut off", Buffer.from([0x22, 0xe2, 0x82, 0x22])],
    ["an overlong NUL", Buffer.from([0x22, 0xc0, 0x80, 0x22])],
    ["an overlong quote", Buffer.from([0x22, 0xc0, 0xa2, 0x22])],
    ["a surrogate as UTF-8", Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ["a pair of surrogates as UTF-8", Buffer.from([0x22, 0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80, 0x22])],
    ["a code point above the last", Buffer.from([0x22, 0xf4, 0x90, 0x80, 0x80, 0x22])],
    ["UTF-16", Buffer.from('{"a":1}', "utf16le")],
    ["UTF-16 with its mark", Buffer.from('\ufeff{"a":1}', "utf16le")],
  ])("%s", (_, bytes) => {
    expect(parseStrictJson(bytes)).toBeUndefined();
  });

  it("nothing at 32 levels, where the innermost holds values still", () => {
    for (const value of ['"\\u0061"', "1", "true", "null"]) {
      const text = `${"[".repeat(31)}{"a":${value}}${"]".repeat(31)}`;
      expect(parse(text)).toEqual(JSON.parse(text));
    }
  });

  it("never a whole pair of surrogates, escaped or not", () => {
    expect(parse('{"😀":"\\ud83d\\ude00"}')).toEqual({ "😀": "😀" });
  });
});
