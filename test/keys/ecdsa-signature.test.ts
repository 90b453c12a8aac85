import { generateKeyPairSync, sign, verify } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rawFromDer } from "../../src/keys/ecdsa-signature.ts";

const CURVES = [
  { curve: "P-256", hash: "sha256", bytes: 32, bits: 256 },
  { curve: "P-384", hash: "sha384", bytes: 48, bits: 384 },
  { curve: "P-521", hash: "sha512", bytes: 66, bits: 521 },
] as const;

/** X.690: as few bytes as say the number, with a zero before a first bit that would say "negative". */
function derInteger(value: bigint): Buffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  const positive = (bytes[0] as number) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes;
  return Buffer.concat([Buffer.from([0x02, positive.length]), positive]);
}

function derSignature(r: bigint, s: bigint): Buffer {
  const body = Buffer.concat([derInteger(r), derInteger(s)]);
  const length = body.length < 128 ? [body.length] : [0x81, body.length];
  return Buffer.concat([Buffer.from([0x30, ...length]), body]);
}

/** RFC 7518 section 3.4: r and s, each as long as the curve's order. */
function rawSignature(r: bigint, s: bigint, bytes: number): string {
  return r.toString(16).padStart(2 * bytes, "0") + s.toString(16).padStart(2 * bytes, "0");
}

describe.each(CURVES)("a signature on $curve", ({ curve, hash, bytes, bits }) => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: curve });

  it("from OpenSSL becomes the one that verifies as r‖s", () => {
    const lengths = new Set<number>();
    for (let message = 0; message < 150; message++) {
      const text = Buffer.from(`message ${message}`);
      const der = sign(hash, text, privateKey);
      const raw = rawFromDer(der, bytes);
      lengths.add(der.length);
      expect(raw).toHaveLength(2 * bytes);
      expect(verify(hash, text, { key: publicKey, dsaEncoding: "ieee-p1363" }, raw)).toBe(true);
    }
    expect(lengths.size).toBeGreaterThan(2);
  });

  it("keeps every number that there can be, however short", () => {
    const number = fc.oneof(
      fc.bigInt({ min: 1n, max: (1n << BigInt(bits)) - 1n }),
      fc.integer({ min: 1, max: bits }).map((length) => (1n << BigInt(length)) - 1n),
      fc.integer({ min: 0, max: bits - 1 }).map((length) => 1n << BigInt(length)),
    );
    fc.assert(
      fc.property(number, number, (r, s) => {
        const raw = rawFromDer(derSignature(r, s), bytes);
        expect(raw.toString("hex")).toBe(rawSignature(r, s, bytes));
      }),
      { numRuns: 500 },
    );
  });

  it("keeps the smallest and the largest, and every length between", () => {
    const largest = (1n << BigInt(bits)) - 1n;
    for (let length = 1; length <= 8 * bytes && length <= bits; length++) {
      for (const r of [1n << BigInt(length - 1), (1n << BigInt(length)) - 1n]) {
        for (const s of [1n, largest]) {
          expect(rawFromDer(derSignature(r, s), bytes).toString("hex")).toBe(rawSignature(r, s, bytes));
          expect(rawFromDer(derSignature(s, r), bytes).toString("hex")).toBe(rawSignature(s, r, bytes));
        }
      }
    }
  });
});

describe("the length of a P-521 signature in DER", () => {
  it("is read right on both sides of the point where it takes a second byte", () => {
    const seen = new Set<string>();
    for (let length = 55; length <= 66; length++) {
      const [r, s] = [(1n << BigInt(8 * length - 7)) - 1n, (1n << 520n) - 1n];
      const der = derSignature(r, s);
      seen.add(der[1] === 0x81 ? "long" : "short");
      expect(rawFromDer(der, 66).toString("hex")).toBe(rawSignature(r, s, 66));
    }
    expect([...seen]).toEqual(["short", "long"]);
  });

  it("leaves nothing of an earlier signature in the bytes that DER leaves out", () => {
    const long = derSignature((1n << 521n) - 1n, (1n << 521n) - 1n);
    for (let i = 0; i < 200; i++) {
      rawFromDer(long, 66);
      expect(rawFromDer(derSignature(1n, 2n), 66).toString("hex")).toBe(rawSignature(1n, 2n, 66));
    }
  });
});
