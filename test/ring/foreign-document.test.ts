import { describe, expect, it } from "vitest";
import { altered, codeOf, refusalOf, WHOLE } from "./sample-document.ts";

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

  it("a member that there is not, in any object, first or last", () => {
    const parsed = JSON.parse(WHOLE);
    // Details alone may name anything.
    const details = parsed.ring.auditTail.map((record: { details?: object }) => record.details);
    const objects = objectsIn(parsed).filter((object) => !details.includes(object));
    expect(objects.length).toBeGreaterThan(15);
    for (const object of objects) {
      for (const name of ["more", "d", "constructor"]) {
        for (const order of [[name], [...Object.keys(object), name]]) {
          const more = Object.fromEntries(
            [...order, ...Object.keys(object)].map((key) => [
              key,
              Object.hasOwn(object, key) ? object[key] : 1,
            ]),
          );
          const text = JSON.stringify(parsed, (_, value) => (value === object ? more : value), 2);
          if (!text.includes(`"${name}": `)) throw new Error(`${name} is not there.`);
          expect(codeOf(`${text}\n`)).toBe("ring_corrupt");
        }
      }
    }
  });

  it("a prototype", () => {
    for (const place of [
      '  "kek"',
      '    "pausedAt"',
      '        "alg"',
      '        "revokedAt"',
      '        "actor"',
    ]) {
      const polluted = altered(
        place,
        `${place.replace(/"\w+"/, '"__proto__"')}: { "polluted": true },\n${place}`,
      );
      expect(codeOf(polluted)).toBe("ring_corrupt");
    }
    expect(codeOf(altered('"details": {', '"details": {\n          "__proto__": 1,'))).toBe("ring_corrupt");
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
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

/** A reviver that drops the first member of this name. */
function dropping(name: string): (this: unknown, key: string, value: unknown) => unknown {
  let dropped = false;
  return (key, value) => {
    if (key !== name || dropped) return value;
    dropped = true;
    return undefined;
  };
}

function objectsIn(value: unknown): Record<string, unknown>[] {
  if (typeof value !== "object" || value === null) return [];
  const inside = Object.values(value).flatMap(objectsIn);
  return Array.isArray(value) ? inside : [value as Record<string, unknown>, ...inside];
}
