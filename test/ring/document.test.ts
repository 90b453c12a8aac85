import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { authenticated, decodeDocument, encodeDocument } from "../../src/ring/document.ts";
import { happenings, live } from "./happening.ts";
import { altered, codeOf, documentOf, eventful, refusalOf, WHOLE } from "./sample-document.ts";
import { sampleRing } from "./sample-ring.ts";
import { soundPolicies } from "./sound-policy.ts";

describe("a stored document", () => {
  it("is read as it was written, and written again to the same byte", () => {
    expect(decodeDocument(WHOLE)).toEqual(documentOf(eventful()));
    expect(encodeDocument(decodeDocument(WHOLE))).toBe(WHOLE);
  });

  it("carries every ring there can be", () => {
    fc.assert(
      fc.property(soundPolicies, fc.boolean(), happenings, (policy, probe, history) => {
        const sample = sampleRing(policy, { probe });
        for (const happening of history) live(sample, happening);
        const document = documentOf(sample.ring);
        expect(decodeDocument(encodeDocument(document))).toEqual(document);
      }),
      { numRuns: 150 },
    );
  });

  it("is JSON for people, too: indented, ending in a line feed", () => {
    expect(WHOLE).toMatch(/^\{\n {2}"schema": 1,\n {2}"kek": "[^"]+",\n {2}"ring": \{\n {4}"id"/);
    expect(WHOLE.endsWith('"\n}\n')).toBe(true);
  });

  it("is authenticated over every member but the MAC, whatever their order", () => {
    const { mac, ...rest } = documentOf(eventful());
    const reordered = Object.fromEntries(Object.entries(rest).reverse()) as typeof rest;
    expect(authenticated(reordered)).toBe(authenticated(rest));
    expect(authenticated(rest)).not.toContain(mac);
    for (const other of [
      { ...rest, schema: 2 },
      { ...rest, kek: "another" },
      { ...rest, ring: { ...rest.ring, tombstones: [] } },
    ]) {
      expect(authenticated(other)).not.toBe(authenticated(rest));
    }
  });
});

describe("a ring that cannot be written as a document", () => {
  it("is refused with the places that are wrong, before anything is stored", () => {
    const ring = eventful();
    const keys = ring.keys.map((key) => ({ ...key, createdAt: 1 }));
    expect(() => encodeDocument(documentOf({ ...ring, keys }))).toThrow(
      expect.objectContaining({
        code: "ring_invalid",
        message: expect.stringMatching(/^The ring would break its form\. ring\/keys\/0\/createdAt: /),
        fix: "Nothing was stored.",
        problems: keys.map((_, at) => expect.objectContaining({ at: `ring/keys/${at}/createdAt` })),
      }),
    );
  });
});

describe("a document that is refused", () => {
  it.each([
    ["truncated or not JSON", WHOLE.slice(0, 100)],
    ["it breaks the form: kek: ", WHOLE.replace(/"kek": "[^"]+"/, '"kek": "+"')],
    ["it breaks the form: schema: ", '{"schema": "1"}'],
    ["it breaks the form: /: ", "null"],
    ["to the byte", `${WHOLE} `],
    ["half a surrogate pair", WHOLE.replace("„", "\\ud800")],
  ])("is refused with the reason and the way out: %s", (why, text) => {
    expect(() => decodeDocument(text)).toThrow(
      expect.objectContaining({
        code: "ring_corrupt",
        message: expect.stringContaining(why),
        fix: expect.stringContaining("Restore the newest whole copy"),
      }),
    );
  });
});

describe("a document of a newer form", () => {
  it("says which form it is in, and to upgrade", () => {
    expect(() => decodeDocument(altered('"schema": 1', '"schema": 2'))).toThrow(
      expect.objectContaining({
        message: "The ring was written in form 2; this keyturn reads up to 1.",
        fix: expect.stringContaining("Upgrade keyturn"),
      }),
    );
  });

  it("is left alone with an own code, whatever else it says", () => {
    for (const newer of ['"schema": 2', '"schema": 2,\n  "more": true', '"schema": 999999']) {
      expect(codeOf(altered('"schema": 1', newer))).toBe("ring_schema_unknown");
    }
    expect(codeOf('{"schema": 7}')).toBe("ring_schema_unknown");
  });

  it("is corrupt when the form is no newer one", () => {
    for (const form of ["0", "-1", "1.0", '"2"', "null", "true", "[2]"]) {
      expect(codeOf(altered('"schema": 1', `"schema": ${form}`)), form).toBe("ring_corrupt");
    }
  });
});

describe("any text whatever", () => {
  const spot = fc.nat(WHOLE.length);
  const noise = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.constantFrom("{", "}", '"', ",", "0", "-", "\\", "\0"),
  );
  const damaged = fc
    .array(fc.tuple(spot, fc.nat(30), noise), { minLength: 1, maxLength: 4 })
    .map((cuts) => cuts.reduce((text, [at, n, put]) => text.slice(0, at) + put + text.slice(at + n), WHOLE));

  it("is either refused with a code or exactly what keyturn would write", () => {
    const texts = fc.oneof(
      damaged,
      fc.string(),
      fc.jsonValue().map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const refusal = refusalOf(text);
        if (refusal === undefined) expect(encodeDocument(decodeDocument(text))).toBe(text);
        else expect(["ring_corrupt", "ring_schema_unknown"]).toContain(refusal.code);
      }),
      { numRuns: 2000 },
    );
  });
});
