/** Ways to have a token verified by another algorithm than its key is for. */
import { createHmac, createPublicKey } from "node:crypto";
import type { Attack } from "./attacks.ts";
import { honestly } from "./attacks-on-headers.ts";
import { type SampleKey, sign, signature, signingInput } from "./sample-issuer.ts";

const algNames = [
  "none",
  "None",
  "NONE",
  "nOnE",
  "",
  " none",
  "none\0",
  null,
  ["none"],
  ["ES256"],
  0,
  true,
  {},
];

const NONE: readonly Attack[] = algNames.flatMap((alg): Attack[] => [
  {
    id: "A1",
    name: `alg ${JSON.stringify(alg)} and no signature`,
    token: ({ es256 }) => `${signingInput(es256, { alg })}.`,
    reason: "alg_refused",
  },
  {
    id: "A1",
    name: `alg ${JSON.stringify(alg)} with an honest signature`,
    ...honestly({ alg }),
    reason: "alg_refused",
  },
]);

const NO_ALG: readonly Attack[] = [
  { id: "A1", name: "no alg", ...honestly({ alg: undefined }), reason: "alg_refused" },
  { id: "A1", name: "alg in lower case", ...honestly({ alg: "es256" }), reason: "alg_refused" },
  { id: "A1", name: "alg with a space", ...honestly({ alg: "ES256 " }), reason: "alg_refused" },
  { id: "A1", name: "alg with a look-alike", ...honestly({ alg: "ЕS256" }), reason: "alg_refused" },
  { id: "A1", name: "alg by an inherited name", ...honestly({ alg: "constructor" }), reason: "alg_refused" },
  {
    id: "A1",
    name: "ES256 and no signature",
    token: ({ es256 }) => `${signingInput(es256)}.`,
    reason: "signature_invalid",
  },
];

/** Each way in which a library may turn a public key into bytes, and so into a secret. */
const SECRETS: Readonly<Record<string, (key: SampleKey) => string | Uint8Array>> = {
  "the PEM": (key) => pemOf(key),
  "the PEM without its last line break": (key) => pemOf(key).trimEnd(),
  "the PEM after white space": (key) => `\n  ${pemOf(key)}`,
  "the DER": ({ privateKey }) => createPublicKey(privateKey).export({ type: "spki", format: "der" }),
  "the JWK": ({ jwk }) => JSON.stringify(jwk),
  "the key's number": ({ jwk }) => Buffer.from((jwk["x"] ?? jwk["n"]) as string, "base64url"),
  "the key's number as text": ({ jwk }) => (jwk["x"] ?? jwk["n"]) as string,
  nothing: () => "",
  "one zero": () => Buffer.from([0]),
};

function pemOf({ privateKey }: SampleKey): string {
  return createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString();
}

function hmacToken(key: SampleKey, alg: string, secret: string | Uint8Array, hash = "sha256"): string {
  const input = signingInput(key, { alg });
  return `${input}.${createHmac(hash, secret).update(input).digest("base64url")}`;
}

const HMAC: readonly Attack[] = (["es256", "rs256", "eddsa"] as const).flatMap((kid) =>
  Object.entries(SECRETS).flatMap(([what, secretOf]): Attack[] => [
    {
      id: "A2",
      name: `HS256 with ${what} of ${kid}`,
      token: (keys) => hmacToken(keys[kid], "HS256", secretOf(keys[kid])),
      reason: "alg_refused",
    },
    {
      id: "A2",
      name: `an HMAC with ${what} of ${kid} under its alg`,
      token: (keys) => hmacToken(keys[kid], keys[kid].alg, secretOf(keys[kid])),
      reason: "signature_invalid",
    },
  ]),
);

const MORE_HMAC: readonly Attack[] = [
  ...[384, 512].map(
    (bits): Attack => ({
      id: "A2",
      name: `HS${bits} with the PEM of rs256`,
      token: ({ rs256 }) => hmacToken(rs256, `HS${bits}`, pemOf(rs256), `sha${bits}`),
      reason: "alg_refused",
    }),
  ),
  {
    id: "A2",
    name: "HS256 with the PEM of PKCS#1",
    token({ rs256 }) {
      const pem = createPublicKey(rs256.privateKey).export({ type: "pkcs1", format: "pem" });
      return hmacToken(rs256, "HS256", pem.toString());
    },
    reason: "alg_refused",
  },
  {
    id: "A33",
    name: "HS256 with an empty secret and no kid",
    token({ es256 }) {
      const input = signingInput(es256, { alg: "HS256", kid: undefined });
      return `${input}.${createHmac("sha256", "").update(input).digest("base64url")}`;
    },
    reason: "alg_refused",
  },
];

/** A key that does not say its algorithm is not free for any. */
const UNBOUND: readonly Attack[] = (["RS384", "RS512", "PS256", "PS384", "PS512"] as const).map((alg) => ({
  id: "A3",
  name: `${alg} by an RSA key without alg`,
  token({ rs256 }) {
    const input = signingInput(rs256, { alg });
    return `${input}.${signature(rs256, input, alg).toString("base64url")}`;
  },
  jwks: ({ rs256 }) => [{ ...rs256.jwk, alg: undefined }],
  reason: "alg_mismatch",
}));

function signedAs(key: "es256" | "rs256" | "ps256" | "eddsa", alg: string): Pick<Attack, "token"> {
  return { token: (keys) => sign(keys[key], { alg }) };
}

const MISMATCHED: readonly Attack[] = [
  { id: "A4", name: "ES384 by a P-256 key", ...signedAs("es256", "ES384"), reason: "alg_mismatch" },
  { id: "A4", name: "ES512 by a P-256 key", ...signedAs("es256", "ES512"), reason: "alg_mismatch" },
  { id: "A4", name: "ES256K by a P-256 key", ...signedAs("es256", "ES256K"), reason: "alg_refused" },
  { id: "A4", name: "RS256 by an EC key", ...signedAs("es256", "RS256"), reason: "alg_mismatch" },
  { id: "A4", name: "ES256 by an RSA key", ...signedAs("rs256", "ES256"), reason: "alg_mismatch" },
  { id: "A4", name: "RS512 by a key for RS256", ...signedAs("rs256", "RS512"), reason: "alg_mismatch" },
  { id: "A4", name: "RS1", ...signedAs("rs256", "RS1"), reason: "alg_refused" },
  { id: "A4", name: "RS256 by a key for PS256", ...signedAs("ps256", "RS256"), reason: "alg_mismatch" },
  { id: "A4", name: "Ed25519 by a key for EdDSA", ...signedAs("eddsa", "Ed25519"), reason: "alg_mismatch" },
  { id: "A4", name: "Ed448 by an Ed25519 key", ...signedAs("eddsa", "Ed448"), reason: "alg_refused" },
  { id: "A4", name: "ML-DSA-44 by an EC key", ...signedAs("es256", "ML-DSA-44"), reason: "alg_mismatch" },
  {
    id: "A4",
    name: "PS256 by a key for RS256",
    token({ rs256 }) {
      const input = signingInput(rs256, { alg: "PS256" });
      return `${input}.${signature(rs256, input, "PS256").toString("base64url")}`;
    },
    reason: "alg_mismatch",
  },
  {
    id: "A4",
    name: "an algorithm that is not among `algorithms`",
    token: ({ rs256 }) => sign(rs256),
    options: { algorithms: ["ES256"] },
    reason: "alg_refused",
  },
];

export const ALGORITHM_ATTACKS: readonly Attack[] = [
  ...NONE,
  ...NO_ALG,
  ...HMAC,
  ...MORE_HMAC,
  ...UNBOUND,
  ...MISMATCHED,
];
