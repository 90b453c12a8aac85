import { createPublicKey, verify } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DER_BYTES_MAX, derFromRaw } from "../../src/verifier/ecdsa-signature.ts";
import { COORDINATE_BYTES, CURVE_ORDER, type Ecdsa, mirrored, numberOf, rawPair } from "./curve-order.ts";
import { sampleKey, signature } from "./sample-issuer.ts";

const ALGS = ["ES256", "ES384", "ES512"] satisfies Ecdsa[];

function converted(raw: Uint8Array): Buffer {
  const room = Buffer.alloc(DER_BYTES_MAX, 0xee);
  const length = derFromRaw(raw, room);
  // Nothing is written past the end that is told.
  expect(room.subarray(length).every((byte) => byte === 0xee)).toBe(true);
  return room.subarray(0, length);
}

/** X.690 by way of whole numbers, instead of bytes. */
function derOf(r: bigint, s: bigint): string {
  const integer = (value: bigint) => {
    const digits = value.toString(16);
    const even = digits.padStart(digits.length + (digits.length % 2), "0");
    return tagged("02", Number.parseInt(even.slice(0, 2), 16) > 127 ? `00${even}` : even);
  };
  return tagged("30", integer(r) + integer(s));
}

function tagged(tag: string, content: string): string {
  const length = content.length / 2;
  const written = length.toString(16).padStart(2, "0");
  return tag + (length < 128 ? written : `81${written}`) + content;
}

describe.each(ALGS)("a signature of %s", (alg) => {
  const key = sampleKey(alg);
  const size = COORDINATE_BYTES[alg];
  const hash = `sha${alg.slice(2)}`;
  const verifies = (message: string, der: Uint8Array) =>
    verify(hash, Buffer.from(message), createPublicKey(key.privateKey), der);

  it("is the same one as DER, whatever it is", () => {
    for (let count = 0; count < 150; count++) {
      const raw = signature(key, `message ${count}`);
      expect(verifies(`message ${count}`, converted(raw))).toBe(true);
      expect(verifies(`message ${count}`, converted(mirrored(alg, raw)))).toBe(true);
      expect(verifies(`message ${count + 1}`, converted(raw))).toBe(false);
    }
  });

  it.each([
    ["r begins with a zero", (raw: Buffer) => raw[0] === 0],
    ["s begins with a zero", (raw: Buffer) => raw[size] === 0],
    [
      "r begins with a high bit, where zeros are left out",
      (raw: Buffer) => startsHigh(raw.subarray(0, size)),
    ],
    ["s begins with a high bit, where zeros are left out", (raw: Buffer) => startsHigh(raw.subarray(size))],
  ])("is the same one as DER where %s", (_, wanted) => {
    for (let count = 0; ; count++) {
      const raw = signature(key, `message ${count}`);
      if (!wanted(raw)) continue;
      expect(verifies(`message ${count}`, converted(raw))).toBe(true);
      break;
    }
  });

  const most = 2n ** BigInt(8 * size) - 1n;
  const numbers = fc.oneof(
    fc.bigInt({ min: 0n, max: most }),
    fc.nat(8 * size - 1).map((bits) => 2n ** BigInt(bits)),
    fc.nat(8 * size).map((bits) => 2n ** BigInt(bits) - 1n),
    fc.constantFrom(0n, 1n, 127n, 128n, 255n, 256n, CURVE_ORDER[alg], CURVE_ORDER[alg] - 1n, most),
  );

  it("is written as the numbers r and s would be", () => {
    fc.assert(
      fc.property(numbers, numbers, (r, s) => {
        const raw = rawPair(alg, r, s);
        expect(raw).toHaveLength(2 * size);
        expect(converted(raw).toString("hex")).toBe(derOf(r, s));
      }),
      { numRuns: 1000 },
    );
  });
});

function startsHigh(bytes: Uint8Array): boolean {
  const digits = numberOf(bytes).toString(16);
  return digits.length % 2 === 0 && Number.parseInt(digits.slice(0, 2), 16) > 127;
}
