/** Requests to a service that nobody thought of: any method, path, header and body. */
import fc from "fast-check";
import { TOKENS_PATH } from "../../src/http/sign.ts";

export interface FuzzedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | Uint8Array | null;
}

/** What stands for the API token, so that requests can be drawn before there is one. */
export const TOKEN = "{token}";

/** Planted where values stand: to see it in an answer is to see the caller's input come back. */
export const INPUT = "zq7vInputOfTheCaller";

const json = fc.json({ maxDepth: 4 });
const claims = fc.dictionary(
  fc.oneof(
    fc.constantFrom("sub", "aud", "nbf", "iss", "exp", "iat", "jti", "toJSON", "__proto__"),
    fc.string(),
  ),
  fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.constant(INPUT), fc.constantFrom(-0, 2 ** 53, 1.5)),
  { maxKeys: 6 },
);
const lifetime = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.string(),
  fc.constantFrom(null, true, 1, 900, 901, 1e21),
);

const lawful = fc
  .dictionary(fc.string({ minLength: 5 }), fc.jsonValue({ maxDepth: 3 }))
  .map((drawn) => JSON.stringify({ claims: drawn, expiresInSeconds: 60 }));
const nearlyLawful = fc
  .record(
    { claims: fc.oneof(claims, fc.jsonValue()), expiresInSeconds: lifetime, extra: fc.constant(INPUT) },
    { requiredKeys: [] },
  )
  .map((drawn) => JSON.stringify(drawn));
const bodies: fc.Arbitrary<string | Uint8Array> = fc.oneof(
  { weight: 3, arbitrary: lawful },
  { weight: 3, arbitrary: nearlyLawful },
  { weight: 1, arbitrary: json },
  { weight: 1, arbitrary: fc.oneof(lawful, nearlyLawful).chain(damaged) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 8000, max: 17_000 })
      .map((length) => `{"claims":{"a":"${"é".repeat(length / 2)}"}}`),
  },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 1, max: 7000 })
      .map((depth) => `{"claims":{"a":${"[".repeat(depth)}${"]".repeat(depth)}}}`),
  },
);

function damaged(text: string): fc.Arbitrary<string> {
  return fc
    .tuple(fc.nat(Math.max(0, text.length - 1)), fc.string({ maxLength: 3 }))
    .map(([at, put]) => text.slice(0, at) + put + text.slice(at + 1));
}

/** What a header may hold on its way through any server. */
const headerText = fc
  .string({
    unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
    maxLength: 60,
  })
  .map((text) => text.trim());
const types = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom("application/json", "application/json; charset=utf-8", "APPLICATION/JSON ;x"),
  },
  {
    weight: 1,
    arbitrary: fc.oneof(
      fc.constantFrom("text/plain", "application/jsonp", "multipart/form-data"),
      headerText,
    ),
  },
);
const authorizations = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(`Bearer ${TOKEN}`, `bearer  ${TOKEN}`) },
  {
    weight: 2,
    arbitrary: fc.oneof(
      fc.constantFrom(
        `Bearer ${TOKEN}x`,
        `Basic ${TOKEN}`,
        TOKEN,
        "Bearer",
        `Bearer ${INPUT}`,
        `Bearer ${TOKEN} ${TOKEN}`,
      ),
      headerText,
    ),
  },
);
const otherHeaders = fc.array(
  fc.tuple(
    fc.oneof(
      fc.constantFrom(
        "If-None-Match",
        "X-Forwarded-For",
        "Accept",
        "Content-Encoding",
        "Cookie",
        "Host",
        "Origin",
      ),
      fc.stringMatching(/^[a-z][a-z-]{0,12}$/),
    ),
    fc.oneof(headerText, fc.constant(INPUT), fc.constant('W/"x", *')),
  ),
  { maxLength: 3 },
);

/** `POST /v1/tokens`, now and then with something else than it needs. */
export const signRequests: fc.Arbitrary<FuzzedRequest> = fc
  .record({
    type: fc.option(types, { freq: 9 }),
    authorization: fc.option(authorizations, { freq: 9 }),
    body: bodies,
    others: otherHeaders,
  })
  .map(({ type, authorization, body, others }) => ({
    method: "POST",
    path: TOKENS_PATH,
    headers: [
      ...(type === null ? [] : [["Content-Type", type] as const]),
      ...(authorization === null ? [] : [["Authorization", authorization] as const]),
      ...others.filter(
        ([name]) => !/^(content-|authorization$|host$|transfer-|expect$|connection$|upgrade$)/i.test(name),
      ),
    ],
    body,
  }));

const PATHS = [
  "/.well-known/jwks.json",
  "/.well-known/openid-configuration",
  "/.well-known/oauth-authorization-server",
  "/livez",
  "/readyz",
  TOKENS_PATH,
];
const paths = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...PATHS) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(...PATHS)
      .chain(damaged)
      .map((path) => `/${encodeURI(path.replace(/\p{Surrogate}/gu, "")).replace(/^\/|[?#\s]/g, "")}`),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "/",
      "//",
      "/%",
      "/%00",
      "/v1/tokens/",
      "/v1//tokens",
      "/V1/TOKENS",
      "/*",
      "/metrics",
      `/${INPUT}`,
      `/livez?${INPUT}=1`,
    ),
  },
  { weight: 1, arbitrary: fc.webPath().map((path) => `/${path.replace(/^\/+/, "")}`) },
);

/** Any method on any path. */
export const anyRequests: fc.Arbitrary<FuzzedRequest> = fc
  .record({
    method: fc.constantFrom("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"),
    path: paths,
    authorization: fc.option(authorizations),
    others: otherHeaders,
    body: fc.option(bodies),
  })
  .map(({ method, path, authorization, others, body }) => ({
    method,
    path,
    headers: [
      ...(authorization === null ? [] : [["Authorization", authorization] as const]),
      ...others.filter(
        ([name]) =>
          !/^(authorization|host|transfer-encoding|expect|connection|upgrade|content-length|te|trailer)$/i.test(
            name,
          ),
      ),
    ],
    body: method === "GET" || method === "HEAD" ? null : body,
  }));
