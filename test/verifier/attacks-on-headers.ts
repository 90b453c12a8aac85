/** What a header can say to name a key from outside, or to change how a token is read. */
import { createPublicKey } from "node:crypto";
import { deflateRawSync } from "node:zlib";
import type { Attack } from "./attacks.ts";
import { encode, type SampleKey, sampleClaims, sign, signature } from "./sample-issuer.ts";

/** Header members over those of an honest token, signed by the right key. */
export const honestly = (header: Readonly<Record<string, unknown>>) => ({
  token: ({ es256 }: { es256: SampleKey }) => sign(es256, header),
});

const KEY_MEMBERS: readonly Attack[] = [
  ...(["jwk", "x5c", "jku", "x5u"] as const).flatMap((member): Attack[] =>
    [undefined, "es256", "unheard-of"].map((kid) => ({
      id: member.startsWith("j") && member !== "jku" ? "A6" : member === "x5c" ? "A6" : "A7",
      name: `${member} of the attacker's, ${kid === undefined ? "no kid" : `kid ${kid}`}`,
      token: ({ attacker }) => sign(attacker, { kid, [member]: ownKey(attacker)[member] }),
      reason: "header_refused",
    })),
  ),
  ...[
    "http://169.254.169.254/latest/meta-data/",
    "file:///etc/passwd",
    "https://issuer.example/jwks.json",
    "https://issuer.example@attacker.example/jwks.json",
    "https://issuer.example/redirect?to=https://attacker.example/jwks.json",
    "",
    null,
  ].flatMap((url): Attack[] =>
    (["jku", "x5u"] as const).map((member) => ({
      id: "A7",
      name: `${member} ${JSON.stringify(url)}`,
      ...honestly({ [member]: url }),
      reason: "header_refused",
    })),
  ),
];

function ownKey({ jwk, privateKey }: SampleKey): Readonly<Record<string, unknown>> {
  const der = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  const url = "https://attacker.example/keys.json";
  return { jwk, x5c: [der.toString("base64")], jku: url, x5u: url };
}

const malformedKids = [
  null,
  "",
  0,
  1,
  true,
  ["es256"],
  {},

  "es256\0",
  "es256\n",
  "\u0085",
  "\u007f",
  "k".repeat(257),
];
/** These could be a new key's, so the issuer is asked for them, once. */
const unknownKids = [
  "../../../../dev/null",
  "/dev/null",
  "' UNION SELECT 'secret",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "es256 ",
  " es256",
  "ES256",
  "\u0435s256",
  "e\u017f256",
  "e\u0073256\u0301",
  "https://issuer.example:es256",
  "null",
  "undefined",
  "0",
  "*",
  "es256,other",
  "$(id)",
  "k".repeat(256),
];

function nameOf(kid: unknown): string {
  return String(kid).length > 40 ? `of ${String(kid).length} characters` : JSON.stringify(kid);
}

const KIDS: readonly Attack[] = [
  ...malformedKids.map(
    (kid): Attack => ({
      id: "A8",
      name: `kid ${nameOf(kid)}`,
      ...honestly({ kid }),
      reason: "kid_malformed",
    }),
  ),
  ...unknownKids.map(
    (kid): Attack => ({
      id: "A8",
      name: `kid ${nameOf(kid)}`,
      ...honestly({ kid }),
      reason: "kid_unknown",
      fetches: 1,
    }),
  ),
  { id: "A8", name: "no kid where two keys fit", ...honestly({ kid: undefined }), reason: "kid_missing" },
  {
    id: "A8",
    name: "a kid of a megabyte",
    ...honestly({ kid: "k".repeat(1_000_000) }),
    reason: "token_too_large",
  },
  {
    id: "A8",
    name: "the kid of another key of the same kind",
    ...honestly({ kid: "other" }),
    reason: "signature_invalid",
  },
  {
    id: "A8",
    name: "an unknown kid on an expired token",
    token: ({ es256 }) => sign(es256, { kid: "new" }, { exp: 1 }),
    reason: "kid_unknown",
  },
  {
    id: "A8",
    name: "an unknown kid on a token of another issuer's",
    token: ({ es256 }) => sign(es256, { kid: "new" }, { iss: "https://other.example" }),
    reason: "kid_unknown",
  },
  {
    id: "A8",
    name: "an unknown kid on a token for another audience",
    token: ({ es256 }) => sign(es256, { kid: "new" }, { aud: "billing" }),
    reason: "kid_unknown",
  },
];

const crits = [
  ["exp"],
  ["x"],
  [],
  ["alg"],
  ["b64"],
  ["crit"],
  ["exp", "exp"],
  [""],
  [1],
  "exp",
  {},
  true,
  null,
];

const CRIT: readonly Attack[] = [
  ...crits.map(
    (crit): Attack => ({
      id: "A16",
      name: `crit ${JSON.stringify(crit)}`,
      ...honestly({ crit }),
      reason: "header_refused",
    }),
  ),
  {
    id: "A16",
    name: "crit of a member that is there",
    ...honestly({ crit: ["x"], x: 1 }),
    reason: "header_refused",
  },
  {
    id: "A16",
    name: "crit of exp, which is there",
    ...honestly({ crit: ["exp"], exp: 9e9 }),
    reason: "header_refused",
  },
  ...[
    { b64: false },
    { b64: true },
    { b64: null },
    { b64: false, crit: ["b64"] },
    { b64: true, crit: ["b64"] },
  ].map(
    (header): Attack => ({
      id: "A17",
      name: `header ${JSON.stringify(header)}`,
      ...honestly(header),
      reason: "header_refused",
    }),
  ),
  {
    id: "A17",
    name: "a payload that is not encoded, under b64: false",
    token({ es256 }) {
      const header = encode(JSON.stringify({ alg: "ES256", kid: "es256", b64: false, crit: ["b64"] }));
      const input = `${header}.${JSON.stringify(sampleClaims({ iss: "issuer", aud: "x" }))}`;
      return `${input}.${signature(es256, input).toString("base64url")}`;
    },
    reason: "header_refused",
  },
];

const ENCRYPTION: readonly Attack[] = [
  { id: "A22", name: "enc in a signed token", ...honestly({ enc: "A256GCM" }), reason: "header_refused" },
  { id: "A22", name: "a key-wrapping alg", ...honestly({ alg: "RSA-OAEP-256" }), reason: "alg_refused" },
  {
    id: "A22",
    name: "alg dir with enc",
    ...honestly({ alg: "dir", enc: "A128GCM" }),
    reason: "header_refused",
  },
  { id: "A23", name: "zip", ...honestly({ zip: "DEF" }), reason: "header_refused" },
  {
    id: "A23",
    name: "zip over a payload that is compressed",
    token: ({ es256 }) => sign(es256, { zip: "DEF" }, deflateRawSync(JSON.stringify(sampleClaims()))),
    reason: "header_refused",
  },
  {
    id: "A23",
    name: "two thousand million rounds of PBES2",
    ...honestly({ alg: "PBES2-HS256+A128KW", p2c: 2 ** 31, p2s: "c2FsdA" }),
    reason: "alg_refused",
  },
];

export const HEADER_ATTACKS: readonly Attack[] = [...KEY_MEMBERS, ...KIDS, ...CRIT, ...ENCRYPTION];
