import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonFault } from "../../src/http/json-fault.ts";
import { parseStrictJson } from "../../src/strict-json.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const DEPTH = 4;

describe("what is wrong with JSON", () => {
  const faults: readonly [string, string, string][] = [
    ['{"a":1,"a":2}', "duplicate_member", "/a"],
    ['{"a":1,"b":{"a":2,"c":3,"a":4}}', "duplicate_member", "/b/a"],
    ['[{"a":1},{"a":1,"a":2}]', "duplicate_member", "/1/a"],
    ['{"a":1,"\\u0061":2}', "duplicate_member", "/a"],
    ['{"a":"a","b":"b","c":["a",{"b":1}],"b":1}', "duplicate_member", "/b"],
    ['{"a":[[[[]]]]}', "too_deep", "/a/0/0/0"],
    ['{"a":{"b":{"c":{"d":{}}}}}', "too_deep", "/a/b/c/d"],
    ['{"a":{"__proto__":1}}', "forbidden_name", "/a/__proto__"],
    ['{"a":["x","\\ud800"]}', "broken_text", "/a/1"],
    ['{"\\udc00":1}', "broken_text", "/…"],
    ['{"a":1', "not_json", "/"],
    ["", "not_json", "/"],
    ['\ufeff{"a":1}', "not_json", "/"],
    [`{"${"x".repeat(33)}":1,"${"x".repeat(33)}":2}`, "duplicate_member", "/…"],
    ['{"a/b":1,"a/b":2}', "duplicate_member", "/…"],
    ['{"a\\n":1,"a\\n":2}', "duplicate_member", "/…"],
  ];
  for (const [text, code, at] of faults) {
    it(`is found in ${JSON.stringify(text).slice(0, 60)}`, () => {
      expect(parseStrictJson(bytesOf(text), DEPTH)).toBeUndefined();
      expect(jsonFault(bytesOf(text), DEPTH)).toMatchObject({ code, at });
    });
  }

  it("is found where bytes are not UTF-8", () => {
    expect(jsonFault(new Uint8Array([0x22, 0xff, 0x22]), DEPTH)).toMatchObject({
      code: "not_json",
      message: "It is not UTF-8.",
    });
  });

  it("is found in very deep texts too, without going deep itself", () => {
    const text = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    expect(jsonFault(bytesOf(text), DEPTH).code).toMatch(/too_deep|not_json/);
  });

  it("is never in doubt: whatever strict parsing refuses has a reason that names it", () => {
    const names = fc.constantFrom("a", "b", "c", "__proto__", "\\ud800", "\\u0061");
    const text = fc.letrec<{ value: string }>((tie) => ({
      value: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        fc.constantFrom("1", '"a"', '"\\udfff"', '"{\\"a\\":1,"', "null", "[]", "{}", "x", ""),
        fc.array(tie("value"), { maxLength: 3 }).map((items) => `[${items.join(" ,\n")}]`),
        fc
          .array(fc.tuple(names, tie("value")), { maxLength: 3 })
          .map((members) => `{${members.map(([name, value]) => `"${name}" : ${value}`).join(",")}}`),
      ),
    })).value;
    let refused = 0;
    fc.assert(
      fc.property(text, (drawn) => {
        if (parseStrictJson(bytesOf(drawn), DEPTH) !== undefined) return;
        refused++;
        const { code, message } = jsonFault(bytesOf(drawn), DEPTH);
        if (code !== "not_json") return;
        expect(message).toBe("It is not JSON.");
        expect(() => JSON.parse(drawn)).toThrow();
      }),
      { numRuns: 3000 },
    );
    expect(refused).toBeGreaterThan(100);
  });
});
