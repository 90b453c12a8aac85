import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBase64url } from "../../src/verifier/base64url.ts";

const canonical = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString("base64url"));

/** Canonical is what one gets back by encoding what was read: `Buffer` is lenient in one direction only. */
function isCanonical(text: string): boolean {
  return Buffer.from(text, "base64url").toString("base64url") === text;
}

describe("canonical base64url", () => {
  it("is decoded as Buffer does, at every length", () => {
    for (let length = 0; length <= 70; length++) {
      const bytes = Uint8Array.from({ length }, (_, index) => (index * 89 + length * 7) & 255);
      const decoded = decodeBase64url(Buffer.from(bytes).toString("base64url"));
      expect(decoded).toEqual(bytes);
    }
  });

  it("is decoded as Buffer does, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(decodeBase64url(Buffer.from(bytes).toString("base64url"))).toEqual(new Uint8Array(bytes));
      }),
    );
  });

  it("is decoded out of the middle of a longer text", () => {
    fc.assert(
      fc.property(fc.string(), canonical, fc.string(), (before, text, after) => {
        const decoded = decodeBase64url(before + text + after, before.length, before.length + text.length);
        expect(decoded).toEqual(new Uint8Array(Buffer.from(text, "base64url")));
      }),
    );
  });
});

describe("anything else", () => {
  const nearMisses = fc
    .tuple(
      canonical,
      fc.nat(),
      fc.constantFrom("=", "+", "/", ".", " ", "\n", "\r\n", "\t", "\0", "é", "\u0141"),
    )
    .map(([text, at, inserted]) => {
      const to = at % (text.length + 1);
      return text.slice(0, to) + inserted + text.slice(to);
    });
  const letters = fc.string({
    unit: fc.constantFrom(..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
    maxLength: 40,
  });
  const texts = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: "grapheme" }),
    nearMisses,
    letters,
    letters.map((text) => `${text}=`),
  );

  it("is refused, and nothing is refused but that", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const decoded = decodeBase64url(text);
        expect(decoded !== null).toBe(isCanonical(text));
        if (decoded !== null) expect(Buffer.from(decoded).toString("base64url")).toBe(text);
      }),
      { numRuns: 5000 },
    );
  });

  // Each code point that is not of the alphabet, at each place of a group of four, and in what is left over.
  it.each([0, 1, 2, 3, 4, 5, 6])("is refused for every single strange character at place %i", (place) => {
    const strange = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).filter(
      (character) => !/[\w-]/.test(character),
    );
    const accepted = strange.filter((character) => {
      const text = `${"A".repeat(place)}${character}${"A".repeat(6 - place)}`;
      return decodeBase64url(text) !== null;
    });
    expect(accepted).toEqual([]);
  });

  it.each([
    ["AB", "unused bits after one byte"],
    ["AAB", "unused bits after two bytes"],
    ["A", "six bits that are no byte"],
    ["AAAAA", "six bits that are no byte, after whole groups"],
    ["AA==", "padding"],
    ["AAA=", "padding after two bytes"],
    ["+A==", "another alphabet"],
    ["_-+A", "a mixture of both"],
  ])("is refused: %s, %s", (text) => {
    expect(decodeBase64url(text)).toBeNull();
  });

  it("is refused as well where more comes after it", () => {
    fc.assert(
      fc.property(letters, letters, letters, (before, text, after) => {
        const decoded = decodeBase64url(before + text + after, before.length, before.length + text.length);
        expect(decoded).toEqual(decodeBase64url(text));
      }),
      { numRuns: 1000 },
    );
  });
});
