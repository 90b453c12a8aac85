/** What is not one JWS in compact form, in the one way to write it. */
import { CompactEncrypt } from "jose";
import type { Attack, AttackedKeys } from "./attacks.ts";
import { encode, sampleClaims, sign, signature, signingInput } from "./sample-issuer.ts";

const honest = ({ es256 }: AttackedKeys) => sign(es256);

function changed(change: (header: string, payload: string, signature: string) => string): Attack["token"] {
  return (keys) => change(...(honest(keys).split(".") as [string, string, string]));
}

/** The same bytes to a lenient decoder: bits that belong to no byte are set. */
function withUnusedBit(text: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return text.slice(0, -1) + alphabet[alphabet.indexOf(text.at(-1) as string) + 1];
}

/** JSON with so much white space after it that its last byte leaves bits unused. */
function ofLength(rest: 1 | 2, value: object): string {
  const text = JSON.stringify(value);
  return text + " ".repeat((rest - (text.length % 3) + 3) % 3);
}

const JSON_SERIALIZATION: readonly Attack[] = [
  {
    id: "A5",
    name: "a flattened JWS with alg outside of what is signed",
    token: changed((header, payload, signature) =>
      JSON.stringify({ payload, protected: header, header: { alg: "none" }, signature }),
    ),
    reason: "token_malformed",
  },
  {
    id: "A5",
    name: "a general JWS",
    token: changed((header, payload, signature) =>
      JSON.stringify({ payload, signatures: [{ protected: header, signature }] }),
    ),
    reason: "token_malformed",
  },
  {
    id: "A21",
    name: "JSON that is compact form too, to whoever reads leniently",
    token: changed(
      (header, payload, signature) =>
        `{" ${header}.${encode(JSON.stringify(sampleClaims({ sub: "admin" })))}.":"","protected":"${header}","payload":"${payload}","signature":"${signature}"}`,
    ),
    reason: "token_malformed",
  },
];

const BASE64URL: readonly Attack[] = [
  {
    id: "A19",
    name: "unused bits in the header",
    token({ es256 }) {
      const header = withUnusedBit(encode(ofLength(1, { alg: "ES256", kid: "es256" })));
      const input = `${header}.${encode(JSON.stringify(sampleClaims()))}`;
      return `${input}.${signature(es256, input).toString("base64url")}`;
    },
    reason: "token_malformed",
  },
  {
    id: "A19",
    name: "unused bits in the payload",
    token({ es256 }) {
      const [header] = signingInput(es256).split(".");
      const input = `${header}.${withUnusedBit(encode(ofLength(2, sampleClaims())))}`;
      return `${input}.${signature(es256, input).toString("base64url")}`;
    },
    reason: "token_malformed",
  },
  ...(["es256", "rs256", "eddsa"] as const).map(
    (kid): Attack => ({
      id: "A19",
      name: `unused bits in a signature by ${kid}`,
      token: (keys) => withUnusedBit(sign(keys[kid])),
      reason: "token_malformed",
    }),
  ),
  {
    id: "A19",
    name: "the alphabet of base64 in the signature",
    token({ es256 }) {
      for (;;) {
        const input = signingInput(es256);
        const bytes = signature(es256, input).toString("base64url");
        if (/[-_]/.test(bytes)) return `${input}.${bytes.replaceAll("-", "+").replaceAll("_", "/")}`;
      }
    },
    reason: "token_malformed",
  },
  {
    id: "A19",
    name: "the alphabet of base64 in the payload",
    token({ es256 }) {
      const [header] = signingInput(es256).split(".");
      const claims = JSON.stringify(sampleClaims({ sub: "?~?~?~?~>>>" }));
      const input = `${header}.${Buffer.from(claims).toString("base64").replaceAll("=", "")}`;
      return `${input}.${signature(es256, input).toString("base64url")}`;
    },
    reason: "token_malformed",
  },
  ...(
    [
      ["padding after the header", (h, p, s) => `${h}=.${p}.${s}`],
      ["padding after the payload", (h, p, s) => `${h}.${p}=.${s}`],
      ["padding after the signature", (h, p, s) => `${h}.${p}.${s}==`],
      ["a space in the header", (h, p, s) => `${h.slice(0, 4)} ${h.slice(4)}.${p}.${s}`],
      ["a tab in the payload", (h, p, s) => `${h}.${p.slice(0, 4)}\t${p.slice(4)}.${s}`],
      ["a line break in the payload", (h, p, s) => `${h}.${p.slice(0, 4)}\r\n${p.slice(4)}.${s}`],
      ["a line break in the signature", (h, p, s) => `${h}.${p}.${s.slice(0, 8)}\n${s.slice(8)}`],
      ["a character too many in the signature", (h, p, s) => `${h}.${p}.${s}AAA`],
      ["a NUL in the signature", (h, p, s) => `${h}.${p}.${s.slice(0, 8)}\0${s.slice(8)}`],
      ["a wide character that is 'A' in its low byte", (h, p, s) => `${h}.${p}.\u0141${s.slice(1)}`],
      ["a percent escape", (h, p, s) => `${h}.${p}.%41${s.slice(1)}`],
    ] satisfies [string, Parameters<typeof changed>[0]][]
  ).map(([name, change]): Attack => ({ id: "A19", name, token: changed(change), reason: "token_malformed" })),
];

const FORM: readonly Attack[] = (
  [
    ["a space before", (token) => ` ${token}`],
    ["a space after", (token) => `${token} `],
    ["a line break after", (token) => `${token}\n`],
    ["a NUL after", (token) => `${token}\0`],
    ["a byte order mark before", (token) => `\ufeff${token}`],
    ["the scheme before", (token) => `Bearer ${token}`],
    ["quotes around", (token) => `"${token}"`],
    ["braces around", (token) => `{${token}}`],
    ["a second token after a comma", (token) => `${token},${token}`],
    ["a dot before", (token) => `.${token}`],
    ["a dot after", (token) => `${token}.`],
    ["two dots after", (token) => `${token}..`],
    ["no signature part", (token) => token.slice(0, token.lastIndexOf("."))],
    ["the header alone", (token) => token.slice(0, token.indexOf("."))],
    ["no header", (token) => token.slice(token.indexOf("."))],
    ["nothing", () => ""],
    ["one dot", () => "."],
    ["two dots", () => ".."],
    ["three dots", () => "..."],
    ["sixteen thousand dots", () => ".".repeat(16_384)],
    ["the word null", () => "null"],
  ] satisfies [string, (token: string) => string][]
).map(([name, change]) => ({
  id: "A21",
  name,
  token: (keys) => change(honest(keys)),
  reason: "token_malformed",
}));

async function encrypted({ rs256 }: AttackedKeys): Promise<string> {
  const { kty, n, e } = rs256.jwk as { kty: "RSA"; n: string; e: string };
  return await new CompactEncrypt(Buffer.from(JSON.stringify(sampleClaims())))
    .setProtectedHeader({ alg: "RSA-OAEP-256", enc: "A256GCM", kid: rs256.kid })
    .encrypt({ kty, n, e });
}

const ENCRYPTED: readonly Attack[] = [
  { id: "A22", name: "a JWE for the public key", token: encrypted, reason: "token_malformed" },
  {
    id: "A22",
    name: "the first three parts of a JWE",
    token: async (keys) => (await encrypted(keys)).split(".").slice(0, 3).join("."),
    reason: "header_refused",
  },
  {
    id: "A22",
    name: "four parts",
    token: (keys) => `${honest(keys)}.AAAA`,
    reason: "token_malformed",
  },
];

export const FORM_ATTACKS: readonly Attack[] = [...JSON_SERIALIZATION, ...BASE64URL, ...FORM, ...ENCRYPTED];
