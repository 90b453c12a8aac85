/** Tokens whose signature is right, and whose claims are not to be believed all the same. */
import type { RefusalReason } from "../../src/verifier/index.ts";
import type { Attack } from "./attacks.ts";
import { ISSUER, NOW, sampleClaims, sign, type WatchedOptions } from "./sample-issuer.ts";

type Row = readonly [
  name: string,
  claims: Readonly<Record<string, unknown>>,
  reason: RefusalReason,
  options?: WatchedOptions,
];

function rows(id: Attack["id"], list: readonly Row[]): readonly Attack[] {
  return list.map(([name, claims, reason, options]) => ({
    id,
    name,
    token: ({ es256 }) => sign(es256, {}, claims),
    reason,
    ...(options === undefined ? {} : { options }),
  }));
}

/** Numbers as text: JSON.stringify would not write them. */
const MALFORMED_INSTANTS = [
  "1e999",
  "-1e999",
  "1e308",
  '"9999999999"',
  "null",
  "true",
  "[9999999999]",
  "{}",
  "9007199254740993",
  "-9007199254740993",
  '""',
];
const BROKEN_INSTANTS = ["NaN", "Infinity", "0x7fffffff", "01", "+1", ".5", "1_000"];

const withoutInstants = JSON.stringify(sampleClaims({ exp: undefined, iat: undefined })).slice(1, -1);

const INSTANTS: readonly Attack[] = (["exp", "nbf", "iat"] as const).flatMap((name) =>
  [...MALFORMED_INSTANTS, ...BROKEN_INSTANTS].map((value) => ({
    id: "A26",
    name: `${name} ${value}`,
    token: ({ es256 }) => {
      const exp = name === "exp" ? "" : `,"exp":${NOW + 600}`;
      return sign(es256, {}, `{${withoutInstants},"${name}":${value}${exp}}`);
    },
    reason: "claims_malformed",
  })),
);

const TIME: readonly Attack[] = [
  ...rows("A26", [
    ["exp 0", { exp: 0 }, "expired"],
    ["exp -1", { exp: -1 }, "expired"],
    ["exp long ago", { exp: NOW - 86_400 }, "expired"],
    ["exp at the end of the leeway", { exp: NOW - 30 }, "expired"],
    ["exp now, without leeway", { exp: NOW }, "expired", { leewaySeconds: 0 }],
    ["exp a little before now, without leeway", { exp: NOW - 0.001 }, "expired", { leewaySeconds: 0 }],
    ["nbf after the leeway", { nbf: NOW + 31 }, "not_yet_valid"],
    ["nbf a fraction after the leeway", { nbf: NOW + 30.5 }, "not_yet_valid"],
    ["nbf far away", { nbf: Number.MAX_SAFE_INTEGER }, "not_yet_valid"],
    ["iat after the leeway", { iat: NOW + 31 }, "issued_in_future"],
    ["iat in milliseconds", { iat: NOW * 1000, exp: NOW * 1000 + 600 }, "issued_in_future"],
  ]),
  ...rows("A27", [
    ["no exp", { exp: undefined }, "exp_missing"],
    ["ten years", { exp: NOW + 315_360_000 }, "lifetime_too_long", { maxLifetimeSeconds: 3600 }],
    ["a second too long", { exp: NOW + 3601 }, "lifetime_too_long", { maxLifetimeSeconds: 3600 }],
    ["an iat long ago", { iat: 0 }, "lifetime_too_long", { maxLifetimeSeconds: 3600 }],
    ["no iat to count from", { iat: undefined }, "iat_missing", { maxLifetimeSeconds: 3600 }],
    [
      "an iat in the future to count from",
      { iat: NOW + 3600, exp: NOW + 7200 },
      "issued_in_future",
      { maxLifetimeSeconds: 3600 },
    ],
  ]),
];

const OTHER_TYPES = [
  "logout+jwt",
  "dpop+jwt",
  "secevent+jwt",
  "application/secevent+jwt",
  "token-introspection+jwt",
  "id+jwt",
  "JOSE",
  "",
  " JWT",
  "JWT ",
  "application/",
  "text/jwt",
  "application/application/jwt",
  "at+jwt;charset=utf-8",
  "at\u200b+jwt",
];

const TYPES: readonly Attack[] = [
  ...OTHER_TYPES.map(
    (typ): Attack => ({
      id: "A28",
      name: `typ ${JSON.stringify(typ)}`,
      token: ({ es256 }) => sign(es256, { typ }),
      reason: "typ_refused",
    }),
  ),
  ...["JWT", undefined, "id+jwt", "at", "at+jwt ", "text/at+jwt"].map(
    (typ): Attack => ({
      id: "A28",
      name: `typ ${JSON.stringify(typ)} where at+jwt is asked for`,
      token: ({ es256 }) => sign(es256, { typ }),
      options: { typ: ["at+jwt"] },
      reason: "typ_refused",
    }),
  ),
  ...[null, 1, ["JWT"], {}, true].map(
    (typ): Attack => ({
      id: "A28",
      name: `typ ${JSON.stringify(typ)}`,
      token: ({ es256 }) => sign(es256, { typ }),
      reason: "header_malformed",
    }),
  ),
];

const AUDIENCES: readonly Attack[] = rows("A29", [
  ...[
    undefined,
    [],
    "order",
    "orders2",
    "ORDERS",
    "orders ",
    "",
    "billing",
    "orders,billing",
    "*",
    "orders\0",
    "0",
  ].map((aud): Row => [`aud ${JSON.stringify(aud)}`, { aud }, "audience_refused"]),
  ...[["billing"], ["order", "s"], [""], ["constructor"]].map(
    (aud): Row => [`aud ${JSON.stringify(aud)}`, { aud }, "audience_refused"],
  ),
  ...[null, 1, true, { orders: true }, { 0: "orders", length: 1 }, ["orders", 1], [["orders"]], [null]].map(
    (aud): Row => [`aud ${JSON.stringify(aud)}`, { aud }, "claims_malformed"],
  ),
]);

const ACCENTED = "https://\u00e9.example";

const ISSUERS: readonly Attack[] = rows("A30", [
  ...[
    undefined,
    "",
    `${ISSUER}/`,
    `${ISSUER}#`,
    `${ISSUER} `,
    ` ${ISSUER}`,
    ISSUER.toUpperCase(),
    ISSUER.replace("https", "http"),
    `${ISSUER}.attacker.example`,
    `${ISSUER}@attacker.example`,
    "https://attacker@issuer.example",
    ISSUER.slice(0, -1),
    `${ISSUER}:443`,
    "https://issuer.ex\u0430mple",
    `x${"a".repeat(8000)}`,
  ].map((iss): Row => [`iss ${JSON.stringify(iss)?.slice(0, 60)}`, { iss }, "issuer_refused"]),
  ...[null, 1, [ISSUER], { iss: ISSUER }, true].map(
    (iss): Row => [`iss ${JSON.stringify(iss)}`, { iss }, "claims_malformed"],
  ),
  [
    "an iss that looks the same, decomposed",
    { iss: ACCENTED.normalize("NFD") },
    "issuer_refused",
    { issuer: ACCENTED },
  ],
]);

const TYPED: readonly Attack[] = rows("A31", [
  ["a sub that is a number", { sub: 1 }, "claims_malformed"],
  ["a sub that is a list", { sub: ["admin"] }, "claims_malformed"],
  ["a sub that is null", { sub: null }, "claims_malformed"],
  ["a jti that is a number", { jti: 1 }, "claims_malformed"],
]);

const PROTOTYPES: readonly Attack[] = [
  ...['"__proto__":{"admin":true}', '"\\u005f_proto__":{"aud":"orders"}', '"x":[{"__proto__":null}]'].flatMap(
    (member): Attack[] => [
      {
        id: "A31",
        name: `${member} in the claims`,
        token: ({ es256 }) => sign(es256, {}, `{${withoutInstants},"exp":${NOW + 600},${member}}`),
        reason: "claims_malformed",
      },
      {
        id: "A31",
        name: `${member} in the header`,
        token: ({ es256 }) => sign(es256, `{"alg":"ES256","kid":"es256",${member}}`),
        reason: "header_malformed",
      },
    ],
  ),
];

export const CLAIM_ATTACKS: readonly Attack[] = [
  ...INSTANTS,
  ...TIME,
  ...TYPES,
  ...AUDIENCES,
  ...ISSUERS,
  ...TYPED,
  ...PROTOTYPES,
];
