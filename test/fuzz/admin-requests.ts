/** Requests to the control plane that get past the door, and are almost what they should be. */
import fc from "fast-check";
import { ROLES } from "../../src/api-tokens/role.ts";
import type { OpenApiDocument } from "../../src/http/admin/openapi.ts";
import { alteredJson, alteredText, oddValues } from "./alterations.ts";
import { type LawfulRequest, lawfulRequests } from "./lawful-requests.ts";
import { type FuzzedRequest, INPUT } from "./requests.ts";

/** A name of this length may be a secret; the names of shorter ones are told, for people who mistype. */
const LONG_NAME = `${INPUT}${"x".repeat(20)}`;

/** What stands where a value stands: of every type, too long, too much, and never meant. */
const odd: fc.Arbitrary<unknown> = fc.oneof(
  oddValues,
  fc.constantFrom<unknown>(INPUT, "signer", "security", "x".repeat(600), "\u202e", 1e308, -0, 299, 901),
  fc.constantFrom<unknown>(
    { [LONG_NAME]: INPUT },
    { __proto__: null, constructor: INPUT },
    Array(30).fill("a"),
  ),
);

/** Members that a caller may hope for. */
const hoped = fc.dictionary(
  fc.constantFrom("role", "actor", "by", "hash", "token", "id", "createdAt", "line", "__proto__", LONG_NAME),
  odd,
  { minKeys: 1, maxKeys: 2 },
);

function bodies(lawful: object): fc.Arbitrary<string | Uint8Array> {
  const text = JSON.stringify(lawful);
  const json = (value: unknown) => JSON.stringify(value) ?? "";
  const altered = Object.keys(lawful).length === 0 ? fc.constant(lawful) : alteredJson(lawful, odd);
  return fc.oneof(
    { weight: 4, arbitrary: fc.constant(text) },
    { weight: 8, arbitrary: altered.map(json) },
    { weight: 3, arbitrary: hoped.map((more) => json({ ...lawful, ...more })) },
    { weight: 3, arbitrary: alteredText(text) },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 100 }) },
    { weight: 1, arbitrary: fc.nat({ max: 9000 }).map((length) => `{"reason":"${"é".repeat(length)}"}`) },
    {
      weight: 1,
      arbitrary: fc.nat({ max: 4000 }).map((depth) => `${"[".repeat(depth)}${"]".repeat(depth)}`),
    },
  );
}

const visible = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  maxLength: 30,
});
const written = fc
  .oneof(fc.string({ minLength: 1 }), fc.constantFrom(INPUT, "..", "%", "self", "t_AAAAAAAAAAAAAAAA"))
  .map((text) => encodeURIComponent(text.replace(/\p{Surrogate}/gu, "x")));
const segments = fc.oneof({ weight: 6, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: written });
const queries = fc.oneof(
  { weight: 16, arbitrary: fc.constant("") },
  {
    weight: 2,
    arbitrary: fc.constantFrom("?after=0&limit=1", "?after=-1", "?limit=1&limit=2", "?after=1e3"),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom("?access_token={operator}", `?q={security}`, `?${LONG_NAME}=${INPUT}`),
  },
  { weight: 1, arbitrary: fc.webQueryParameters().map((query) => `?${query}`) },
);
const bearers = fc.oneof(
  { weight: 16, arbitrary: fc.constant(null) },
  { weight: 4, arbitrary: fc.constantFrom(...ROLES) },
  { weight: 1, arbitrary: fc.constantFrom("security}x", "operator} {security", "") },
);
const matches = fc.oneof(
  { weight: 16, arbitrary: fc.constant("*") },
  { weight: 1, arbitrary: fc.constantFrom('"a.1"', 'W/"a.1"', '""', "*,*", `"${INPUT}.1"`) },
  { weight: 1, arbitrary: visible },
);
const others = fc.oneof(
  { weight: 3, arbitrary: fc.constant(null) },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom("Origin", "Sec-Fetch-Site", "X-Forwarded-For", "X-Actor", "Cookie", "Content-Encoding"),
      fc.oneof(visible, fc.constantFrom(INPUT, "null", "cross-site", "https://evil.example", "gzip")),
    ),
  },
);

const types = fc.oneof(
  { weight: 19, arbitrary: fc.constant("application/json") },
  { weight: 1, arbitrary: fc.constantFrom("text/plain", "application/x-www-form-urlencoded", INPUT) },
);

/** For one of the operations of /openapi.json, most by somebody who may ask for it. */
export function adminRequests(document: OpenApiDocument): fc.Arbitrary<FuzzedRequest> {
  return fc.constantFrom(...lawfulRequests(document)).chain((lawful) =>
    fc
      .record({
        body: bodies(lawful.body ?? {}),
        segment: segments,
        query: queries,
        bearer: bearers,
        match: fc.option(matches, { freq: 9 }),
        key: fc.option(fc.oneof(fc.constantFrom("a", "b", "c"), visible), { freq: 2 }),
        type: types,
        other: others,
      })
      .map((drawn) => requestOf(lawful, drawn)),
  );
}

interface Drawn {
  readonly body: string | Uint8Array;
  readonly segment: string | null;
  readonly query: string;
  readonly bearer: string | null;
  readonly match: string | null;
  readonly key: string | null;
  readonly type: string;
  readonly other: readonly [string, string] | null;
}

function requestOf({ method, path, role }: LawfulRequest, drawn: Drawn): FuzzedRequest {
  const { body, segment, query, bearer, match, key, type, other } = drawn;
  const isGet = method === "GET";
  return {
    method,
    path: (segment === null ? path : path.replace(/\{\w+\}/, () => segment)) + query,
    headers: [
      ["Authorization", `Bearer {${bearer ?? role}}`],
      ...(isGet ? [] : [["Content-Type", type] as const]),
      ...(match === null ? [] : [["If-Match", match.trim()] as const]),
      ...(key === null ? [] : [["Idempotency-Key", key.trim()] as const]),
      ...(other === null ? [] : [other]),
    ],
    body: isGet ? null : body,
  };
}
