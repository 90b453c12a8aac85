/** A whole token, from claims to compact JWT, beside the bare signature that is in it and beside its peers. */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { createLocalJWKSet, exportJWK, type JWK, type JWTVerifyGetKey, jwtVerify } from "jose";
import { createKeyManager, memoryStore } from "../dist/index.js";
import { interleave, repeated } from "./interleave.ts";
import { type Alg, CLAIMS, ISSUER, KID, peers } from "./peers.ts";
import type { Figure, Group } from "./report.ts";

/** What the whole token must reach of the bare signature's rate. */
const TARGETS: Readonly<Record<Alg, number>> = { ES256: 0.9, EdDSA: 0.93, RS256: 0.97 };

interface Pace {
  readonly rounds: number;
  readonly warmUpMilliseconds: number;
}

const THOROUGH: Pace = { rounds: 41, warmUpMilliseconds: 300 };
const QUICK: Pace = { rounds: 1, warmUpMilliseconds: 10 };

export const signGroups: readonly Group[] = (Object.keys(TARGETS) as Alg[]).map((alg) => ({
  name: `sign/${alg}`,
  run: ({ quick }) => measure(alg, quick ? QUICK : THOROUGH),
}));

async function measure(alg: Alg, { rounds, warmUpMilliseconds }: Pace): Promise<Figure[]> {
  const keys = await createKeyManager({
    store: memoryStore(),
    issuer: ISSUER,
    policy: { alg, rsaBits: 2048 },
  });
  const key = privateKey(alg);

  const { token } = await keys.sign(CLAIMS);
  await assertToken("keyturn", token, createLocalJWKSet({ keys: keys.jwks().keys as unknown as JWK[] }));
  const contenders = [
    await repeated("raw", raw(alg, key, token), warmUpMilliseconds),
    await repeated("keyturn", () => keys.sign(CLAIMS), warmUpMilliseconds),
  ];
  for (const { name, sign } of peers(alg, key)) {
    await assertToken(name, await sign(), await jwksOf(key));
    contenders.push(await repeated(name, sign, warmUpMilliseconds));
  }

  const rates = await interleave(contenders, rounds);
  return rates.map(({ name, opsPerSecond, ratio }) => ({
    group: `sign/${alg}`,
    case: name,
    opsPerSecond,
    ratio,
    ...(name === "keyturn" ? { target: TARGETS[alg] } : {}),
  }));
}

/** The signature alone, over a signing input of the same length: node:crypto at its fastest, a bare KeyObject and DER. */
function raw(alg: Alg, key: KeyObject, token: string): () => unknown {
  const digest = alg === "EdDSA" ? null : "sha256";
  const input = Buffer.from(token.slice(0, token.lastIndexOf(".")));
  return () => sign(digest, input, key);
}

function privateKey(alg: Alg): KeyObject {
  if (alg === "ES256") return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  if (alg === "EdDSA") return generateKeyPairSync("ed25519").privateKey;
  return generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
}

async function jwksOf(key: KeyObject): Promise<JWTVerifyGetKey> {
  const jwk = await exportJWK(createPublicKey(key));
  return createLocalJWKSet({ keys: [{ ...jwk, kid: KID }] });
}

/** Nobody gets ahead by leaving something out. */
async function assertToken(name: string, token: string, jwks: JWTVerifyGetKey): Promise<void> {
  const { payload, protectedHeader } = await jwtVerify(token, jwks, {
    issuer: ISSUER,
    audience: CLAIMS.aud,
    subject: CLAIMS.sub,
    requiredClaims: ["iat", "exp", "jti", "sid"],
  });
  if (protectedHeader.kid === undefined || protectedHeader.typ !== "JWT")
    throw new Error(`${name}: the token's header is ${JSON.stringify(protectedHeader)}`);
  if (payload["sid"] !== CLAIMS.sid) throw new Error(`${name}: the token lacks the caller's claims`);
}
