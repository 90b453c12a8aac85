/** Signatures that a careless check lets through, in place of an honest one. */
import { sign as signBytes } from "node:crypto";
import type { Attack, AttackedKeys } from "./attacks.ts";
import { COORDINATE_BYTES, CURVE_ORDER, type Ecdsa, numberOf, rawPair } from "./curve-order.ts";
import { type Encoding, pkcs1, rawSignature, resigned, sha256Of } from "./raw-rsa.ts";
import {
  assemble,
  pemOf,
  pssSignature,
  type SampleKey,
  sampleClaims,
  sign,
  signature,
  signingInput,
} from "./sample-issuer.ts";

type KeyName = Exclude<keyof AttackedKeys, "attacker">;

/** A token of that key's, with a signature made from its signing input. */
function forged(
  id: Attack["id"],
  name: string,
  kid: KeyName,
  forge: (input: string, key: SampleKey) => Uint8Array,
): Attack {
  return {
    id,
    name: `${name}, ${kid}`,
    token(keys) {
      const key = keys[kid];
      return assemble(key, {}, {}, forge(signingInput(key), key));
    },
    reason: "signature_invalid",
  };
}

const CURVES = { es256: "ES256", es384: "ES384", es512: "ES512" } as const satisfies Record<string, Ecdsa>;

const PSYCHIC: readonly Attack[] = (Object.keys(CURVES) as (keyof typeof CURVES)[]).flatMap((kid) => {
  const alg = CURVES[kid];
  const n = CURVE_ORDER[alg];
  const size = COORDINATE_BYTES[alg];
  const most = (1n << BigInt(8 * size)) - 1n;
  const pairs: readonly [string, bigint, bigint][] = [
    ["r = s = 0", 0n, 0n],
    ["r = 0, s = 1", 0n, 1n],
    ["r = 1, s = 0", 1n, 0n],
    ["r = s = 1", 1n, 1n],
    ["r = s = n", n, n],
    ["r = n, s = 1", n, 1n],
    ["r = 1, s = n", 1n, n],
    ["r = s = n - 1", n - 1n, n - 1n],
    ["r = s = n + 1", n + 1n, n + 1n],
    ["r and s as large as can be written", most, most],
  ];
  const zeros = (count: number) => Buffer.alloc(count);
  return [
    ...pairs.map(([name, r, s]) => forged("A12", name, kid, () => rawPair(alg, r, s))),
    forged("A12", "no signature", kid, () => zeros(0)),
    forged("A12", "one byte", kid, () => zeros(1)),
    forged("A12", "r alone", kid, (input, key) => signature(key, input).subarray(0, size)),
    forged("A12", "a byte short", kid, (input, key) => signature(key, input).subarray(1)),
    forged("A12", "a zero before", kid, (input, key) => Buffer.concat([zeros(1), signature(key, input)])),
    forged("A12", "a zero after", kid, (input, key) => Buffer.concat([signature(key, input), zeros(1)])),
    forged("A12", "twice", kid, (input, key) =>
      Buffer.concat([signature(key, input), signature(key, input)]),
    ),
    forged("A12", "a zero before each of r and s", kid, (input, key) => {
      const honest = signature(key, input);
      return Buffer.concat([zeros(1), honest.subarray(0, size), zeros(1), honest.subarray(size)]);
    }),
    forged("A12", "r with n added, where that can be written", kid, (input, key) => {
      const honest = signature(key, input);
      const r = numberOf(honest.subarray(0, size)) + n;
      return rawPair(alg, r > most ? r - n - 1n : r, numberOf(honest.subarray(size)));
    }),
    forged("A12", "r and s changed places", kid, (input, key) => {
      const honest = signature(key, input);
      return Buffer.concat([honest.subarray(size), honest.subarray(0, size)]);
    }),
    forged("A13", "DER", kid, (input, key) => derSignature(input, key)),
    forged("A13", "DER cut to length", kid, (input, key) => derSignature(input, key).subarray(0, 2 * size)),
  ];
});

function derSignature(input: string, { alg, privateKey }: SampleKey): Buffer {
  return signBytes(`sha${alg.slice(2)}`, Buffer.from(input), { key: pemOf(privateKey), dsaEncoding: "der" });
}

/** A number below 2^248: its leading zero is left out, as a writer of integers would. */
const SHORT_R: Attack = forged("A12", "r without its leading zero", "es256", (input, key) => {
  for (;;) {
    const honest = signature(key, input);
    if (honest[0] === 0) return honest.subarray(1);
  }
});

const SHA384_INFO = "3041300d060960864801650304020205000430";

const ENCODINGS: readonly [string, (input: string) => Encoding][] = [
  ["no NULL beside the hash's name", () => ({ info: "302f300b0609608648016503040201" + "0420" })],
  ["another value in place of NULL", () => ({ info: "3031300d06096086480165030402010c000420" })],
  ["something within NULL", () => ({ info: "3033300f060960864801650304020105020000" + "0420" })],
  ["the name of another hash", () => ({ info: SHA384_INFO })],
  ["lengths in their long form", () => ({ info: "308131300d060960864801650304020105000420" })],
  ["the digest alone", () => ({ info: "" })],
  ["no digest", () => ({ digest: "" })],
  ["a digest with a byte more", (input) => ({ digest: `${sha256Of(input)}00` })],
  ["block type 0", () => ({ start: "0000", filler: "00" })],
  ["block type 0 with the usual filler", () => ({ start: "0000" })],
  ["block type 2", () => ({ start: "0002" })],
  ["a first byte that is not zero", () => ({ start: "0101" })],
  ["filler that is not ff", () => ({ filler: "fe" })],
  ["a zero in place of filler", () => ({ filler: "00" })],
  ["no zero after the filler", () => ({ separator: "ff" })],
  ["eight bytes of filler and room to choose", () => ({ fillerBytes: 8 })],
  ["no filler", () => ({ fillerBytes: 0 })],
  ["something after the digest", () => ({ after: "00".repeat(16) })],
  ["half of the filler after the digest", () => ({ after: "a5".repeat(100) })],
];

const PADDING: readonly Attack[] = [
  ...ENCODINGS.map(([name, encodingOf]) =>
    forged("A14", name, "rs256", (input, key) => rawSignature(key, pkcs1(input, encodingOf(input)))),
  ),
  ...["nothing", "zeros", "one", "the modulus", "the modulus less one", "ones"].map((name) =>
    forged("A14", `${name} as signature`, "rs256", (_, key) => rsaNumber(name, key)),
  ),
  forged("A14", "a signature over a digest of SHA-512", "rs256", (input, key) =>
    signature(key, input, "RS512"),
  ),
  forged("A14", "a PSS signature", "rs256", (input, key) => signature(key, input, "PS256")),
  forged("A14", "a signature with a zero before", "rs256", (input, key) =>
    Buffer.concat([Buffer.alloc(1), signature(key, input)]),
  ),
  forged("A14", "a signature with a zero after", "rs256", (input, key) =>
    Buffer.concat([signature(key, input), Buffer.alloc(1)]),
  ),
  forged("A14", "a signature a byte short", "rs256", (input, key) => signature(key, input).subarray(0, 255)),
];

function rsaNumber(name: string, { jwk }: SampleKey): Buffer {
  const modulus = Buffer.from(jwk["n"] as string, "base64url");
  const lessOne = Buffer.from(modulus);
  lessOne[255] = (lessOne[255] as number) - 1;
  const one = Buffer.alloc(256);
  one[255] = 1;
  const numbers: Readonly<Record<string, Buffer>> = {
    nothing: Buffer.alloc(0),
    zeros: Buffer.alloc(256),
    one,
    "the modulus": modulus,
    "the modulus less one": lessOne,
    ones: Buffer.alloc(256, 0xff),
  };
  return numbers[name] as Buffer;
}

const SALTED: readonly Attack[] = [
  ...[0, 20, 31, 33, 222].map((saltLength) =>
    forged("A14", `a salt of ${saltLength} bytes`, "ps256", (input, key) =>
      pssSignature(key, input, "PS256", saltLength),
    ),
  ),
  forged("A14", "PSS over SHA-384", "ps256", (input, key) => signature(key, input, "PS384")),
  forged("A14", "a signature of PKCS#1", "ps256", (input, key) => signature(key, input, "RS256")),
  forged("A14", "another last byte", "ps256", (input, key) =>
    resigned(key, input, (encoded) => Buffer.concat([encoded.subarray(0, 255), Buffer.from([0xbd])])),
  ),
  forged("A14", "a salt that was changed", "ps256", (input, key) =>
    resigned(key, input, (encoded) => {
      const changed = Buffer.from(encoded);
      changed[200] = (changed[200] as number) ^ 1;
      return changed;
    }),
  ),
];

/** The order of the group of Ed25519 (RFC 8032 section 5.1): S must lie below it. */
const ED25519_ORDER = 0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3edn;

const ED25519: readonly Attack[] = [
  forged("A20", "S with the order added", "eddsa", (input, key) => {
    const honest = signature(key, input);
    const s = numberOf(Buffer.from(honest.subarray(32)).reverse()) + ED25519_ORDER;
    const written = Buffer.from(s.toString(16).padStart(64, "0"), "hex").reverse();
    return Buffer.concat([honest.subarray(0, 32), written]);
  }),
  forged("A12", "zeros", "eddsa", () => Buffer.alloc(64)),
  forged("A12", "the neutral point and zero", "eddsa", () => Buffer.from([1, ...Buffer.alloc(63)])),
  forged("A12", "no signature", "eddsa", () => Buffer.alloc(0)),
  forged("A12", "a byte short", "eddsa", (input, key) => signature(key, input).subarray(0, 63)),
  forged("A12", "a zero after", "eddsa", (input, key) =>
    Buffer.concat([signature(key, input), Buffer.alloc(1)]),
  ),
];

/** Whatever the claims say: who cannot sign does not learn what is wrong with them. */
const STRANGERS: readonly Attack[] = (
  [
    ["by a stranger", {}],
    ["by a stranger, expired", { exp: 1 }],
    ["by a stranger, not valid yet", { nbf: 9e9 }],
    ["by a stranger, for another audience", { aud: "billing" }],
    ["by a stranger, of another issuer", { iss: "https://attacker.example" }],
    ["by a stranger, without exp", { exp: undefined }],
    ["by a stranger, with the jti of an honest one", { jti: "once" }],
  ] satisfies [string, object][]
).map(([name, claims]) => ({
  id: name.includes("jti") ? "A41" : "A38",
  name,
  token: ({ attacker }) => sign(attacker, {}, claims),
  reason: "signature_invalid",
}));

const SWAPPED: readonly Attack[] = [
  {
    id: "A35",
    name: "the signature of an honest token below other claims",
    token({ es256 }) {
      const honest = sign(es256).split(".")[2] as string;
      return `${signingInput(es256, {}, { sub: "admin" })}.${honest}`;
    },
    reason: "signature_invalid",
  },
  {
    id: "A35",
    name: "the signature of an honest token below another header",
    token({ es256 }) {
      const honest = sign(es256).split(".")[2] as string;
      return `${signingInput(es256, { typ: "at+jwt" })}.${honest}`;
    },
    reason: "signature_invalid",
  },
  {
    id: "A35",
    name: "a signature over the claims alone",
    token({ es256 }) {
      const input = signingInput(es256);
      return `${input}.${signature(es256, JSON.stringify(sampleClaims())).toString("base64url")}`;
    },
    reason: "signature_invalid",
  },
];

export const SIGNATURE_ATTACKS: readonly Attack[] = [
  ...PSYCHIC,
  SHORT_R,
  ...PADDING,
  ...SALTED,
  ...ED25519,
  ...STRANGERS,
  ...SWAPPED,
];
