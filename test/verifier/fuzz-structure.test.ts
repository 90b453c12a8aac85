/**
 * Tokens with the right signature, and any header and claims. An oracle, written the simple way, says
 * what is to become of them: it shares nothing with the verifier but the table of the RFCs.
 */
import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import {
  AUDIENCE,
  agreedVerdict,
  ISSUER,
  NOW,
  sampleKey,
  sign,
  type Verdict,
  verdictOf,
  type Watched,
  warmVerifier,
} from "./sample-issuer.ts";

const KEY = sampleKey("ES256", "known");
const LEEWAY = 30;

let watched: Watched;
beforeAll(async () => {
  watched = await warmVerifier([KEY.jwk], { leewaySeconds: LEEWAY });
});

/** JSON as its writer sees it: members in order, and a name as often as it was written. */
type Written = { readonly text: string; readonly isSound: boolean };
type Member = readonly [name: string, value: Written, inEscapes: boolean];

function nameText(name: string, inEscapes: boolean): string {
  if (!inEscapes) return JSON.stringify(name);
  const units = Array.from({ length: name.length }, (_, at) =>
    name.charCodeAt(at).toString(16).padStart(4, "0"),
  );
  return `"${units.map((unit) => `\\u${unit}`).join("")}"`;
}

function objectOf(members: readonly Member[]): Written {
  const names = members.map(([name]) => name);
  return {
    text: `{${members.map(([name, { text }, inEscapes]) => `${nameText(name, inEscapes)}:${text}`).join(",")}}`,
    isSound:
      new Set(names).size === names.length &&
      !names.includes("__proto__") &&
      members.every(([, { isSound }]) => isSound),
  };
}

const sound = (text: string): Written => ({ text, isSound: true });
const texts = fc.string({ unit: "grapheme", maxLength: 12 });
const numbers = "null true false 0 -0 1.5 -1e3 1E+2 1e-7 1e308 1e999 123456789012345678901".split(" ");
const escapes = ['"\\ud83d\\ude00"', '"\\u0041"', '"\\n\\/"'];
const halves = ['"\\ud800"', '"x\\udfffx"'];
const scalars = fc.oneof(
  { weight: 9, arbitrary: texts.map((text) => sound(JSON.stringify(text))) },
  { weight: 9, arbitrary: fc.constantFrom(...numbers, ...escapes).map(sound) },
  { weight: 1, arbitrary: fc.constantFrom(...halves).map((text) => ({ text, isSound: false })) },
);
const { nested } = fc.letrec<{ nested: Written }>((tie) => ({
  nested: fc.oneof(
    { maxDepth: 3, depthIdentifier: "json" },
    { weight: 4, arbitrary: scalars },
    {
      weight: 1,
      arbitrary: fc.array(tie("nested"), { maxLength: 3 }).map((items) => ({
        text: `[${items.map(({ text }) => text).join(" , ")}]`,
        isSound: items.every(({ isSound }) => isSound),
      })),
    },
    {
      weight: 1,
      arbitrary: fc
        .array(fc.tuple(fc.constantFrom("a", "b", "constructor", "é"), tie("nested"), fc.boolean()), {
          maxLength: 3,
        })
        .map(objectOf),
    },
  ),
}));

/** Mostly of the right type, and about the right value. */
const valueAmong = (good: readonly unknown[]) =>
  fc.oneof(
    { weight: 40, arbitrary: fc.constantFrom(...good).map((value) => sound(JSON.stringify(value))) },
    { weight: 1, arbitrary: nested },
  );

const instants = [0, 1, -1, 30, 31, -30, -31, 29.5, 600].map((offset) => NOW + offset);
const HEADER_VALUES: Readonly<Record<string, readonly unknown[]>> = {
  alg: [...Array<string>(12).fill("ES256"), "ES384", "HS256", "none"],
  kid: [...Array<string>(12).fill("known"), "", "known\n"],
  typ: ["JWT", "at+jwt", "application/at+jwt", "AT+JWT", "jwt", "JWT", "at+jwt", "logout+jwt", ""],
};
const CLAIM_VALUES: Readonly<Record<string, readonly unknown[]>> = {
  iss: [ISSUER, ISSUER, ISSUER, `${ISSUER}/`],
  aud: [AUDIENCE, AUDIENCE, [AUDIENCE], ["billing", AUDIENCE], [], "billing", [AUDIENCE, 1]],
  exp: [NOW + 600, NOW + 60, NOW + 600.25, ...instants],
  nbf: [NOW, NOW - 60, ...instants],
  iat: [NOW, NOW - 60, ...instants],
  sub: ["user-1", "user-1", ""],
  jti: ["a", "b"],
};
const REFUSED_NAMES = ["crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c"];
const OTHER_NAMES = ["x", "é", "constructor", "toString", "ALG", "Exp", "cnf", "x5t", "cty"];

function membersOf(
  values: Readonly<Record<string, readonly unknown[]>>,
  always: readonly string[],
  rare: readonly string[],
) {
  const named = Object.entries(values).map(([name, good]) => {
    const member = fc.tuple(fc.constant(name), valueAmong(good), fc.boolean()).map((one): Member[] => [one]);
    return fc.oneof(
      { weight: always.includes(name) ? 20 : 2, arbitrary: member },
      { weight: 1, arbitrary: fc.constant<Member[]>([]) },
      // Twice, the second time with any value.
      {
        weight: always.includes(name) ? 1 : 0,
        arbitrary: fc.tuple(member, member).map((both) => both.flat()),
      },
    );
  });
  const others = fc.array(
    fc.tuple(
      fc.oneof(
        { weight: 12, arbitrary: fc.constantFrom(...OTHER_NAMES) },
        { weight: 1, arbitrary: fc.constantFrom("__proto__", ...rare) },
      ),
      nested,
      fc.boolean(),
    ),
    { maxLength: 2 },
  );
  return fc
    .tuple(fc.tuple(...named), others)
    .chain(([lists, more]) =>
      fc.shuffledSubarray([...lists.flat(), ...more], { minLength: lists.flat().length + more.length }),
    );
}

const headers = membersOf(HEADER_VALUES, ["alg", "kid"], REFUSED_NAMES);
const claimSets = membersOf(CLAIM_VALUES, ["iss", "aud", "exp"], []);

type Json = Readonly<Record<string, unknown>>;

const isText = (value: unknown) => value === undefined || typeof value === "string";
const isInstant = (value: unknown) =>
  value === undefined || (typeof value === "number" && value >= -(2 ** 53 - 1) && value <= 2 ** 53 - 1);

/** What a header alone is refused for. */
function headerVerdict(members: readonly Member[]): Verdict | null {
  const { text, isSound } = objectOf(members);
  if (!isSound) return "header_malformed";
  const { alg, kid, typ, ...others } = JSON.parse(text) as Json;
  if (REFUSED_NAMES.some((name) => Object.keys(others).includes(name))) return "header_refused";
  const known = /^(?:(?:ES|RS|PS)(?:256|384|512)|EdDSA|Ed25519|ML-DSA-(?:44|65|87))$/;
  if (typeof alg !== "string" || !known.test(alg)) return "alg_refused";
  const isName = typeof kid === "string" && kid !== "" && [...kid].length <= 256 && !/\p{Cc}/u.test(kid);
  if (kid !== undefined && !isName) return "kid_malformed";
  if (!isText(typ)) return "header_malformed";
  return null;
}

function claimsForm(members: readonly Member[]): Verdict | null {
  const { text, isSound } = objectOf(members);
  if (!isSound) return "claims_malformed";
  const { iss, sub, jti, aud, exp, nbf, iat } = JSON.parse(text) as Json;
  const isAudience = isText(aud) || (Array.isArray(aud) && aud.every((item) => typeof item === "string"));
  return [iss, sub, jti].every(isText) && [exp, nbf, iat].every(isInstant) && isAudience
    ? null
    : "claims_malformed";
}

function keyVerdict(members: readonly Member[]): Verdict | null {
  const { alg, kid } = JSON.parse(objectOf(members).text) as Json;
  if (kid === undefined) return alg === "ES256" ? null : "kid_missing";
  if (kid !== "known") return "kid_unknown";
  return alg === "ES256" ? null : "alg_mismatch";
}

function claimsVerdict(header: readonly Member[], claims: readonly Member[]): Verdict {
  const { typ } = JSON.parse(objectOf(header).text) as { typ?: string };
  const { iss, aud, exp, nbf, iat } = JSON.parse(objectOf(claims).text) as Record<string, unknown>;
  if (typ !== undefined && !/^(?:application\/)?(?:jwt|at\+jwt)$/i.test(typ)) return "typ_refused";
  if (iss !== ISSUER) return "issuer_refused";
  if (![aud].flat().includes(AUDIENCE)) return "audience_refused";
  if (exp === undefined) return "exp_missing";
  if (NOW - LEEWAY >= Number(exp)) return "expired";
  if (nbf !== undefined && Number(nbf) > NOW + LEEWAY) return "not_yet_valid";
  if (iat !== undefined && Number(iat) > NOW + LEEWAY) return "issued_in_future";
  return "accepted";
}

it("judges any header and claims as the rules say, on both paths", async () => {
  const seen = new Map<Verdict, number>();
  await fc.assert(
    fc.asyncProperty(headers, claimSets, async (header, claims) => {
      const token = sign(KEY, objectOf(header).text, objectOf(claims).text);
      const expected =
        headerVerdict(header) ?? claimsForm(claims) ?? keyVerdict(header) ?? claimsVerdict(header, claims);
      seen.set(expected, (seen.get(expected) ?? 0) + 1);
      expect(await agreedVerdict(watched.verifier, token)).toBe(expected);
      // A second time it may come from the cache.
      expect(await verdictOf(watched.verifier, token)).toBe(expected);
      if (expected !== "accepted") return;
      const { claims: believed, header: read } = await watched.verifier.verify(token);
      expect([read, believed]).toEqual([
        JSON.parse(objectOf(header).text),
        JSON.parse(objectOf(claims).text),
      ]);
    }),
    { numRuns: 4000 },
  );
  // Else the generator has gone astray, and the property says little.
  for (const often of [
    "accepted",
    "header_malformed",
    "claims_malformed",
    "expired",
    "audience_refused",
  ] as const)
    expect(seen.get(often) ?? 0).toBeGreaterThan(20);
});
