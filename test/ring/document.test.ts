import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isKeyturnError } from "../../src/errors.ts";
import { authenticated, decodeDocument, encodeDocument, type RingDocument } from "../../src/ring/document.ts";
import type { KeyRing } from "../../src/ring/ring.ts";
import { applyPolicy, pause, requestRotation, revoke } from "../../src/ring/step.ts";
import { happenings, live } from "./happening.ts";
import { fakeKey, kidOf, sampleRing, turnedOver } from "./sample-ring.ts";
import { soundPolicies } from "./sound-policy.ts";

function documentOf(ring: KeyRing): RingDocument {
  return { schema: 1, kek: "kek-id_0123456789", ring, mac: `${"m".repeat(42)}A` };
}

/** A ring with every kind of fact in it. */
function eventful(): KeyRing {
  const sample = turnedOver({ tokenSeconds: 3600 }).wait(60);
  sample.commit(requestRotation(sample.ring, sample.now));
  sample.commit(pause(sample.ring, sample.now));
  sample.commit(applyPolicy(sample.ring, { ...sample.ring.policy, alg: "RS256" }, sample.now));
  sample.tick();
  sample.commit(revoke(sample.ring, kidOf(1), "„Schlüssel“ verloren \u{1f511}", sample.now, fakeKey(50)));
  return sample.ring;
}

const WHOLE = encodeDocument(documentOf(eventful()));

/** The refusal of `text`; undefined when it is read. */
function refusalOf(text: string): { code: string; message: string } | undefined {
  try {
    decodeDocument(text);
  } catch (error) {
    if (isKeyturnError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  return undefined;
}

function codeOf(text: string): string | undefined {
  return refusalOf(text)?.code;
}

/** `WHOLE` with one spot changed, which must be there. */
function altered(from: string | RegExp, to: string): string {
  const text = WHOLE.replace(from, to);
  expect(text).not.toBe(WHOLE);
  return text;
}

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

describe("what is no document of ours is refused:", () => {
  it("a document cut off anywhere", () => {
    for (let length = 0; length < WHOLE.length; length++) {
      if (codeOf(WHOLE.slice(0, length)) !== "ring_corrupt") throw new Error(`Cut off at ${length}.`);
    }
  });

  it.each([
    ["nothing", ""],
    ["white space", " \n"],
    ["a byte order mark before it", `\uFEFF${WHOLE}`],
    ["a second line feed", `${WHOLE}\n`],
    ["a missing line feed", WHOLE.trimEnd()],
    ["a space before it", ` ${WHOLE}`],
    ["something after it", `${WHOLE}x`],
    ["the same twice", WHOLE + WHOLE],
    ["Windows line ends", WHOLE.replaceAll("\n", "\r\n")],
    ["no indentation", `${JSON.stringify(JSON.parse(WHOLE))}\n`],
    ["null", "null"],
    ["a list", `[${WHOLE}]`],
    ["a number", "1"],
    ["an empty object", "{}"],
    ["HTML", "<!doctype html>"],
    ["YAML", "schema: 1"],
    ["very deep nesting", "[".repeat(100_000)],
    ["very deep and closed nesting", "[".repeat(5000) + "]".repeat(5000)],
  ])("%s", (_, text) => {
    expect(codeOf(text)).toBe("ring_corrupt");
  });

  it("a member that is there twice, even with the same value", () => {
    expect(codeOf(altered('  "kek"', '  "kek": "other",\n  "kek"'))).toBe("ring_corrupt");
    expect(codeOf(altered('"generation": ', '"generation": 99,\n    "generation": '))).toBe("ring_corrupt");
    expect(codeOf(altered(/( {4}"pausedAt": \d+,\n)/, "$1$1"))).toBe("ring_corrupt");
  });

  it("a member that there is not, at any depth", () => {
    for (const name of ["x", "__proto__", "constructor", "toString", "d"]) {
      for (const place of [
        '  "kek"',
        '    "pausedAt"',
        '        "alg"',
        '        "revokedAt"',
        '        "actor"',
      ]) {
        expect(codeOf(altered(place, `${place.replace(/"\w+"/, `"${name}"`)}: 1,\n${place}`))).toBe(
          "ring_corrupt",
        );
      }
    }
    const polluted = altered('  "kek"', '  "__proto__": { "schema": 1, "polluted": true },\n  "kek"');
    expect(codeOf(polluted)).toBe("ring_corrupt");
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    const detail = altered('"details": {', '"details": {\n          "__proto__": 1,');
    expect(codeOf(detail)).toBe("ring_corrupt");
  });

  it("a missing member, whichever", () => {
    const names = new Set([...WHOLE.matchAll(/"(\w+)": /g)].map(([, name]) => name as string));
    expect(names.size).toBeGreaterThan(50);
    for (const name of names) {
      if (name === "earlyEmit" || name === "details") continue;
      const without = JSON.stringify(JSON.parse(WHOLE, dropping(name)), null, 2);
      expect(codeOf(`${without}\n`), name).toBe("ring_corrupt");
    }
  });

  it("members in another order", () => {
    const { schema, kek, ring, mac } = JSON.parse(WHOLE);
    const reordered = JSON.stringify({ kek, schema, ring, mac }, null, 2);
    expect(refusalOf(`${reordered}\n`)?.message).toContain("to the byte");
  });

  it("numbers in another spelling", () => {
    for (const [from, to] of [
      [/"generation": (\d+)/, '"generation": $1.0'],
      [/"generation": (\d+)/, '"generation": $1e0'],
      [/"createdAt": (\d+)/, '"createdAt": +$1'],
      [/"createdAt": (\d+)/, '"createdAt": 0$1'],
      [/"createdAt": (\d+)/, '"createdAt": "$1"'],
      [/"jwksHeldUntil": (\d+)/, '"jwksHeldUntil": -0'],
    ] as const) {
      expect(codeOf(altered(from, to))).toBe("ring_corrupt");
    }
  });

  it("instants that are none: not whole, not finite, in milliseconds, before keyturn or after 2199", () => {
    for (const odd of [
      "1.5",
      "NaN",
      "Infinity",
      "1e999",
      "-1",
      "0",
      "null",
      "true",
      "1800000000000",
      "1577836799",
      "7258118401",
    ]) {
      expect(codeOf(altered(/"createdAt": \d+/, `"createdAt": ${odd}`)), odd).toBe("ring_corrupt");
    }
  });

  it("text with an escape that keyturn would not have written", () => {
    expect(codeOf(altered('"id": "s', '"id": "\\u0073'))).toBe("ring_corrupt");
    expect(codeOf(altered("„", "\\u201e"))).toBe("ring_corrupt");
  });

  it("values of the wrong kind: an algorithm, a kid, a seal, an exponent, a reason too long", () => {
    for (const [from, to] of [
      [/"alg": "ES256"/, '"alg": "none"'],
      [/"alg": "ES256"/, '"alg": "HS256"'],
      [/"kid": "key2_/, '"kid": "'],
      [/"sealedJwk": "sealed\.k2/, '"sealedJwk": "k2'],
      [/"e": "AQAB"/, '"e": "AQ"'],
      [/"kty": "RSA"/, '"kty": "oct"'],
      [/"x": "x2"/, '"x": "x+2"'],
      [/"trigger": "automatic"/, '"trigger": "magic"'],
      [/"revokedBecause": "/, `"revokedBecause": "${"x".repeat(500)}`],
      [/"overlapSeconds": null/, '"overlapSeconds": 0'],
    ] as const) {
      expect(codeOf(altered(from, to)), to).toBe("ring_corrupt");
    }
  });

  it("a digest in a spelling that encodes no 32 bytes", () => {
    expect(codeOf(altered(`${"m".repeat(42)}A`, `${"m".repeat(42)}B`))).toBe("ring_corrupt");
  });

  it("a private member in the place of a public key", () => {
    expect(codeOf(altered('"x": "x2"', '"d": "secret",\n          "x": "x2"'))).toBe("ring_corrupt");
  });

  it("no key, or no or too many audit records", () => {
    const parsed = JSON.parse(WHOLE);
    const withRing = (ring: object) =>
      `${JSON.stringify({ ...parsed, ring: { ...parsed.ring, ...ring } }, null, 2)}\n`;
    expect(codeOf(withRing({ keys: [] }))).toBe("ring_corrupt");
    expect(codeOf(withRing({ auditTail: [] }))).toBe("ring_corrupt");
    const [record] = parsed.ring.auditTail;
    expect(codeOf(withRing({ auditTail: Array(33).fill(record) }))).toBe("ring_corrupt");
    expect(codeOf(withRing({ auditTail: Array(32).fill(record) }))).toBeUndefined();
  });

  it("with the place named, and none of its content repeated", () => {
    const message = refusalOf(altered(/"createdAt": \d+/, '"createdAt": "hunter2-canary"'))?.message;
    expect(message).toContain("ring/keys/0/createdAt");
    expect(message).not.toContain("canary");
  });
});

describe("a document of a newer form", () => {
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

/** A reviver that drops the first member of this name. */
function dropping(name: string): (this: unknown, key: string, value: unknown) => unknown {
  let dropped = false;
  return (key, value) => {
    if (key !== name || dropped) return value;
    dropped = true;
    return undefined;
  };
}
