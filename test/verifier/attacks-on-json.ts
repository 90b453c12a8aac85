/** Headers and claims that are not JSON, not in UTF-8, not small, or not the same to every reader. */
import type { Attack, AttackedKeys } from "./attacks.ts";
import { sampleClaims, sign, signingInput } from "./sample-issuer.ts";

const honest = ({ es256 }: AttackedKeys) => sign(es256);

const duplicateHeaders = [
  '{"alg":"none","alg":"ES256","kid":"es256"}',
  '{"alg":"ES256","kid":"es256","alg":"none"}',
  '{"alg":"ES256","kid":"es256","alg":"ES256"}',
  '{"\\u0061lg":"none","alg":"ES256","kid":"es256"}',
  '{"alg":"ES256","kid":"attacker","kid":"es256"}',
  '{"alg":"ES256","kid":"es256","typ":"JWT","typ":"at+jwt"}',
  '{"alg":"ES256","kid":"es256","x":{"y":1,"y":2}}',
];

const honestBody = JSON.stringify(sampleClaims()).slice(1, -1);
const duplicateClaims = [
  `{"iss":"https://attacker.example",${honestBody}}`,
  `{${honestBody},"iss":"https://attacker.example"}`,
  `{"sub":"admin",${honestBody}}`,
  `{${honestBody},"exp":9000000000}`,
  `{${honestBody},"\\u0065xp":9000000000}`,
  `{"a\\u0075d":"billing",${honestBody}}`,
  `{${honestBody},"cnf":{"jkt":"a","jkt":"b"}}`,
  `{${honestBody},"list":[{"a":{"b":1,"\\u0062":1}}]}`,
];

const DUPLICATES: readonly Attack[] = [
  ...duplicateHeaders.map(
    (header): Attack => ({
      id: "A18",
      name: `header ${header}`,
      token: ({ es256 }) => sign(es256, header),
      reason: "header_malformed",
    }),
  ),
  ...duplicateClaims.map(
    (claims): Attack => ({
      id: "A18",
      name: `claims ${claims.replace(honestBody, "…")}`,
      token: ({ es256 }) => sign(es256, {}, claims),
      reason: "claims_malformed",
    }),
  ),
];

const NO_OBJECTS: readonly Attack[] = [
  {
    id: "A21",
    name: "an empty payload, signed",
    token: ({ es256 }) => sign(es256, {}, ""),
    reason: "claims_malformed",
  },
  ...["[]", '"text"', "1", "null", "true", "{", "{}{}"].flatMap((text): Attack[] => [
    {
      id: "A21",
      name: `a header that is ${text}`,
      token: ({ es256 }) => sign(es256, text),
      reason: "header_malformed",
    },
    {
      id: "A21",
      name: `claims that are ${text}`,
      token: ({ es256 }) => sign(es256, {}, text),
      reason: "claims_malformed",
    },
  ]),
];

const deep = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

const SIZE: readonly Attack[] = [
  {
    id: "A24",
    name: "a megabyte of header",
    token: ({ es256 }) => sign(es256, { x: "x".repeat(1e6) }),
    reason: "token_too_large",
  },
  {
    id: "A24",
    name: "a megabyte of payload",
    token: ({ es256 }) => sign(es256, {}, { x: "x".repeat(1e6) }),
    reason: "token_too_large",
  },
  {
    id: "A24",
    name: "a megabyte of signature",
    token: ({ es256 }) => `${signingInput(es256)}.${"A".repeat(1e6)}`,
    reason: "token_too_large",
  },
  { id: "A24", name: "a million dots", token: () => ".".repeat(1e6), reason: "token_too_large" },
  {
    id: "A24",
    name: "a million brackets",
    token: ({ es256 }) => sign(es256, {}, deep(1e6)),
    reason: "token_too_large",
  },
  {
    id: "A24",
    name: "more than maxTokenBytes",
    token: honest,
    options: { maxTokenBytes: 200 },
    reason: "token_too_large",
  },
  {
    id: "A25",
    name: "claims 33 deep",
    token: ({ es256 }) => sign(es256, {}, `{${honestBody},"x":${deep(32)}}`),
    reason: "claims_malformed",
  },
  {
    id: "A25",
    name: "claims 5000 deep",
    token: ({ es256 }) => sign(es256, {}, `{${honestBody},"x":${deep(5000)}}`),
    reason: "claims_malformed",
  },
  {
    id: "A25",
    name: "a header 33 deep",
    token: ({ es256 }) => sign(es256, `{"alg":"ES256","kid":"es256","x":${deep(32)}}`),
    reason: "header_malformed",
  },
  {
    id: "A25",
    name: "brackets that never close",
    token: ({ es256 }) => sign(es256, {}, `{"x":${"[".repeat(8000)}`),
    reason: "claims_malformed",
  },
];

const text = (before: string, bytes: readonly number[], after: string) =>
  Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]);

const ENCODING: readonly Attack[] = (
  [
    ["a byte of no UTF-8", [0xff]],
    ["an overlong slash", [0xc0, 0xaf]],
    ["a surrogate as UTF-8", [0xed, 0xa0, 0x80]],
    ["a character cut off", [0xe2, 0x82]],
  ] satisfies [string, number[]][]
).flatMap(([name, bytes]): Attack[] => [
  {
    id: "A32",
    name: `${name} in the claims`,
    token: ({ es256 }) => sign(es256, {}, text(`{${honestBody},"x":"`, bytes, '"}')),
    reason: "claims_malformed",
  },
  {
    id: "A32",
    name: `${name} in the header`,
    token: ({ es256 }) => sign(es256, text('{"alg":"ES256","kid":"es256","x":"', bytes, '"}')),
    reason: "header_malformed",
  },
]);

const MORE_ENCODING: readonly Attack[] = [
  {
    id: "A32",
    name: "claims in UTF-16",
    token: ({ es256 }) => sign(es256, {}, Buffer.from(`{${honestBody}}`, "utf16le")),
    reason: "claims_malformed",
  },
  {
    id: "A32",
    name: "claims after a byte order mark",
    token: ({ es256 }) => sign(es256, {}, `\ufeff{${honestBody}}`),
    reason: "claims_malformed",
  },
  {
    id: "A32",
    name: "a header after a byte order mark",
    token: ({ es256 }) => sign(es256, '\ufeff{"alg":"ES256","kid":"es256"}'),
    reason: "header_malformed",
  },
  {
    id: "A32",
    name: "half of a surrogate pair in a claim",
    token: ({ es256 }) => sign(es256, {}, `{${honestBody},"x":"\\ud800"}`),
    reason: "claims_malformed",
  },
  {
    id: "A32",
    name: "half of a surrogate pair in the kid",
    token: ({ es256 }) => sign(es256, '{"alg":"ES256","kid":"\\udc00"}'),
    reason: "header_malformed",
  },
];

export const JSON_ATTACKS: readonly Attack[] = [
  ...DUPLICATES,
  ...NO_OBJECTS,
  ...SIZE,
  ...ENCODING,
  ...MORE_ENCODING,
];
