/** The same attacks, shown to jose: it takes some of them that are refused here, and never the reverse. */
import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyOptions, jwtVerify } from "jose";
import { expect, it } from "vitest";
import { ATTACKED_KEYS, ATTACKS, type Attack, publishedKeys } from "./attacks.ts";
import { AUDIENCE, ISSUER, NOW, sign } from "./sample-issuer.ts";

async function joseAccepts(token: string, attack: Pick<Attack, "jwks" | "options"> = {}): Promise<boolean> {
  const keys = createLocalJWKSet({ keys: publishedKeys(attack) } as JSONWebKeySet);
  const options: JWTVerifyOptions = {
    issuer: attack.options?.issuer ?? ISSUER,
    audience: AUDIENCE,
    currentDate: new Date(NOW * 1000),
    clockTolerance: attack.options?.leewaySeconds ?? 30,
    ...(attack.options?.typ === undefined ? {} : { typ: attack.options.typ[0] as string }),
    ...(attack.options?.algorithms === undefined ? {} : { algorithms: [...attack.options.algorithms] }),
  };
  return jwtVerify(token, keys, options).then(
    () => true,
    () => false,
  );
}

/** By name, so that a change in jose, or in a row, is seen. */
const ACCEPTED_BY_JOSE: Readonly<Record<string, readonly string[]>> = {
  // An RSA key without alg verifies by whatever algorithm the token asks for.
  A3: [
    "RS384 by an RSA key without alg",
    "RS512 by an RSA key without alg",
    "PS256 by an RSA key without alg",
    "PS384 by an RSA key without alg",
    "PS512 by an RSA key without alg",
  ],
  A7: [
    'jku "http://169.254.169.254/latest/meta-data/"',
    'x5u "http://169.254.169.254/latest/meta-data/"',
    'jku "file:///etc/passwd"',
    'x5u "file:///etc/passwd"',
    'jku "https://issuer.example/jwks.json"',
    'x5u "https://issuer.example/jwks.json"',
    'jku "https://issuer.example@attacker.example/jwks.json"',
    'x5u "https://issuer.example@attacker.example/jwks.json"',
    'jku "https://issuer.example/redirect?to=https://attacker.example/jwks.json"',
    'x5u "https://issuer.example/redirect?to=https://attacker.example/jwks.json"',
    'jku ""',
    'x5u ""',
    "jku null",
    "x5u null",
  ],
  // Without crit, b64 means nothing.
  A17: [
    'header {"b64":false}',
    'header {"b64":true}',
    'header {"b64":null}',
    'header {"b64":true,"crit":["b64"]}',
  ],
  A22: ["enc in a signed token"],
  A23: ["zip"],
  // A signature has several spellings, and with it the whole token.
  A19: [
    "unused bits in the header",
    "unused bits in the payload",
    "unused bits in a signature by es256",
    "unused bits in a signature by rs256",
    "unused bits in a signature by eddsa",
    "padding after the signature",
    "a line break in the signature",
  ],
  A21: ["a space after", "a line break after"],
  // The last of several members counts here. Elsewhere it may be the first.
  A18: [
    'header {"alg":"none","alg":"ES256","kid":"es256"}',
    'header {"alg":"ES256","kid":"es256","alg":"ES256"}',
    'header {"\\u0061lg":"none","alg":"ES256","kid":"es256"}',
    'header {"alg":"ES256","kid":"attacker","kid":"es256"}',
    'header {"alg":"ES256","kid":"es256","typ":"JWT","typ":"at+jwt"}',
    'header {"alg":"ES256","kid":"es256","x":{"y":1,"y":2}}',
    'claims {"iss":"https://attacker.example",…}',
    'claims {"sub":"admin",…}',
    'claims {…,"exp":9000000000}',
    'claims {…,"\\u0065xp":9000000000}',
    'claims {"a\\u0075d":"billing",…}',
    'claims {…,"cnf":{"jkt":"a","jkt":"b"}}',
    'claims {…,"list":[{"a":{"b":1,"\\u0062":1}}]}',
  ],
  // Nothing is too long.
  A24: ["a megabyte of header", "a megabyte of payload", "more than maxTokenBytes"],
  A25: ["claims 33 deep", "claims 5000 deep", "a header 33 deep"],
  A32: [
    "claims after a byte order mark",
    "a header after a byte order mark",
    "half of a surrogate pair in a claim",
  ],
  // Infinity is later than any clock.
  A26: [
    "exp 1e999",
    "exp 1e308",
    "exp 9007199254740993",
    "nbf -1e999",
    "nbf -9007199254740993",
    "iat 1e999",
    "iat -1e999",
    "iat 1e308",
    "iat 9007199254740993",
    "iat -9007199254740993",
    "iat after the leeway",
    "iat in milliseconds",
  ],
  // A token needs no end where requiredClaims does not ask for one.
  A27: [
    "no exp",
    "ten years",
    "a second too long",
    "an iat long ago",
    "no iat to count from",
    "an iat in the future to count from",
  ],
  // Any kind of token will do where no typ is given.
  A28: [
    'typ "logout+jwt"',
    'typ "dpop+jwt"',
    'typ "secevent+jwt"',
    'typ "application/secevent+jwt"',
    'typ "token-introspection+jwt"',
    'typ "id+jwt"',
    'typ "JOSE"',
    'typ ""',
    'typ " JWT"',
    'typ "JWT "',
    'typ "application/"',
    'typ "text/jwt"',
    'typ "application/application/jwt"',
    'typ "at+jwt;charset=utf-8"',
    'typ "at​+jwt"',
    "typ null",
    "typ 1",
    'typ ["JWT"]',
    "typ {}",
    "typ true",
  ],
  A29: ['aud ["orders",1]'],
  A31: [
    "a sub that is a number",
    "a sub that is a list",
    "a sub that is null",
    "a jti that is a number",
    '"__proto__":{"admin":true} in the claims',
    '"__proto__":{"admin":true} in the header',
    '"\\u005f_proto__":{"aud":"orders"} in the claims',
    '"\\u005f_proto__":{"aud":"orders"} in the header',
    '"x":[{"__proto__":null}] in the claims',
    '"x":[{"__proto__":null}] in the header',
  ],
};

it("jose accepts the honest tokens of every key", async () => {
  const { attacker, ...published } = ATTACKED_KEYS;
  for (const key of Object.values(published)) expect(await joseAccepts(sign(key))).toBe(true);
  expect(await joseAccepts(sign(attacker))).toBe(false);
});

it("jose accepts exactly these of the attacks", async () => {
  const accepted: Record<string, string[]> = {};
  for (const attack of ATTACKS) {
    if (!(await joseAccepts(await attack.token(ATTACKED_KEYS), attack))) continue;
    accepted[attack.id] = [...(accepted[attack.id] ?? []), attack.name];
  }
  expect(accepted).toEqual(ACCEPTED_BY_JOSE);
});
