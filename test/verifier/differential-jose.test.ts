/**
 * Well-formed tokens, each claim on, before and after each limit: keyturn and jose, told the same,
 * must say the same. Where they do not, it is for one of the two reasons below, and keyturn refuses.
 */
import fc from "fast-check";
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { beforeAll, expect, it } from "vitest";
import type { VerifyAlgorithm } from "../../src/verifier/algorithms.ts";
import {
  AUDIENCE,
  agreedVerdict,
  ISSUER,
  NOW,
  sampleKey,
  sampleRsaKey,
  sign,
  type Verdict,
  type Watched,
  warmVerifier,
} from "./sample-issuer.ts";

const KEYS = [
  sampleKey("ES256"),
  sampleKey("ES384"),
  sampleRsaKey("RS256"),
  sampleRsaKey("PS384"),
  sampleKey("EdDSA"),
];
const PUBLISHED = KEYS.map(({ jwk }) => jwk);
const JOSE_KEYS = createLocalJWKSet({ keys: PUBLISHED } as unknown as JSONWebKeySet);
const STRANGER = sampleKey("ES256", "ES256", "stranger");

/** What jose does not look at, unless told otherwise: a future iat, and a typ that is for something else. */
const ONLY_HERE: readonly Verdict[] = ["issued_in_future", "typ_refused"];

const LEEWAYS = [0, 1, 30] as const;
const watched = new Map<string, Watched>();
const TYPES = [undefined, "at+jwt", "logout+jwt"] as const;

const nameOf = (leeway: number, typ: string | undefined) => `${leeway} ${typ}`;
beforeAll(async () => {
  for (const leewaySeconds of LEEWAYS)
    for (const typ of TYPES) {
      const options = { leewaySeconds, ...(typ === undefined ? {} : { typ: [typ] }) };
      watched.set(nameOf(leewaySeconds, typ), await warmVerifier(PUBLISHED, options));
    }
});

async function joseAccepts(token: string, leeway: number, typ: string | undefined): Promise<boolean> {
  const options = {
    issuer: ISSUER,
    audience: AUDIENCE,
    currentDate: new Date(NOW * 1000),
    clockTolerance: leeway,
    requiredClaims: ["exp"],
    ...(typ === undefined ? {} : { typ }),
  };
  return jwtVerify(token, JOSE_KEYS, options).then(
    () => true,
    () => false,
  );
}

const offsets = [-31, -30, -29, -2, -1, -0.5, 0, 0.5, 1, 2, 29, 30, 30.5, 31, 600];
const instant = fc.constantFrom(...offsets.map((offset) => NOW + offset));
/** An exp that leaves something to be told apart by the other claims. */
const later = fc.constantFrom(NOW + 60, NOW + 600, NOW + 600.5);
const absent = fc.constant(undefined);

const claimSets = fc.record({
  exp: fc.oneof(
    { weight: 3, arbitrary: later },
    { weight: 2, arbitrary: instant },
    { weight: 1, arbitrary: absent },
  ),
  nbf: fc.oneof(absent, instant),
  iat: fc.oneof(absent, instant),
  iss: fc.constantFrom(ISSUER, ISSUER, ISSUER, ISSUER, `${ISSUER}/`, "", undefined),
  aud: fc.constantFrom(AUDIENCE, AUDIENCE, [AUDIENCE], ["billing", AUDIENCE], "billing", [], undefined),
});
const types = fc.constantFrom(
  undefined,
  undefined,
  "JWT",
  "jwt",
  "at+jwt",
  "AT+JWT",
  "application/at+jwt",
  "logout+jwt",
);
const algs = fc.oneof(
  { weight: 8, arbitrary: absent },
  { weight: 1, arbitrary: fc.constantFrom<VerifyAlgorithm>("ES256", "ES512", "RS256", "PS256", "Ed25519") },
);
const kids = fc.constantFrom<Readonly<Record<string, unknown>>>(
  {},
  {},
  {},
  { kid: undefined },
  { kid: "nobody's" },
);
const signers = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(...KEYS) },
  { weight: 1, arbitrary: fc.constant(STRANGER) },
);

it("says what jose says of the same token, but where it is stricter", async () => {
  const seen = { accepted: 0, refused: 0, onlyHere: 0 };
  await fc.assert(
    fc.asyncProperty(
      signers,
      claimSets,
      types,
      algs,
      kids,
      fc.constantFrom(...LEEWAYS),
      fc.constantFrom(undefined, undefined, "at+jwt", "logout+jwt"),
      async (key, claims, typ, alg, kid, leeway, expectedTyp) => {
        const token = sign(key, { typ, ...kid, ...(alg === undefined ? {} : { alg }) }, claims);
        const { verifier } = watched.get(nameOf(leeway, expectedTyp)) as Watched;
        const verdict = await agreedVerdict(verifier, token);
        const jose = await joseAccepts(token, leeway, expectedTyp);
        if (jose && ONLY_HERE.includes(verdict)) {
          // With an expected typ, both look at it.
          if (verdict === "typ_refused") expect(expectedTyp).toBeUndefined();
          seen.onlyHere++;
          return;
        }
        expect(verdict === "accepted").toBe(jose);
        seen[jose ? "accepted" : "refused"]++;
      },
    ),
    { numRuns: 2500 },
  );
  // Of each kind enough to tell.
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(15);
});
