/** The order n of each curve (SEC 2 section 2): r and s of a signature lie below it, and above zero. */
export const CURVE_ORDER = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  ES384: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  ES512:
    0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
} as const;

export const COORDINATE_BYTES = { ES256: 32, ES384: 48, ES512: 66 } as const;

export type Ecdsa = keyof typeof CURVE_ORDER;

/** r‖s, each in as many bytes as the curve has. */
export function rawPair(alg: Ecdsa, r: bigint, s: bigint): Buffer {
  const digits = 2 * COORDINATE_BYTES[alg];
  const written = (value: bigint) => value.toString(16).padStart(digits, "0");
  return Buffer.from(written(r) + written(s), "hex");
}

export function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
}

/** The other signature that verifies for the same message by the same key: (r, n − s). */
export function mirrored(alg: Ecdsa, signature: Uint8Array): Buffer {
  const half = COORDINATE_BYTES[alg];
  const s = numberOf(signature.subarray(half));
  return rawPair(alg, numberOf(signature.subarray(0, half)), CURVE_ORDER[alg] - s);
}
