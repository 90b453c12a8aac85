/** Files for `init --import` that are almost a private key: adopted and able to sign, or refused in words. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { CompactEncrypt, type JWK } from "jose";
import type { ErrorCode } from "../../src/errors.ts";
import { parseKek } from "../../src/keys/kek.ts";
import { sealJwk } from "../../src/keys/seal.ts";
import { createKeyManager } from "../../src/manager/manager.ts";
import { readKeyFile } from "../../src/node/import/key-file.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { createVerifier } from "../../src/verifier/index.ts";
import { ISSUER, KEK } from "../manager/fleet.ts";
import type { Row } from "../proof/section.ts";
import { alteredJson, alteredText, oddValues } from "./alterations.ts";
import { INPUT } from "./requests.ts";
import { type Extent, searched } from "./search.ts";
import { assertRefusal } from "./service.ts";

/** What may be said of a file that is not a key, or not one that can be adopted. */
const REFUSED: readonly ErrorCode[] = [
  "import_invalid",
  "passphrase_invalid",
  "kek_mismatch",
  "ring_tampered",
];

const PASSPHRASE = "correct horse battery staple";

/** The least that JOSE allows: a search opens many of them. */
const ITERATIONS = 1000;

interface KeyFile {
  readonly text: string;
  readonly kid: string | null;
}

export async function keyFileRows(extent: Extent): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), "keyturn-key-files-"));
  const path = join(folder, "key");
  const { files, secrets } = await lawfulFiles();
  const codes = new Map<string, number>();
  const count = (code: string) => void codes.set(code, (codes.get(code) ?? 0) + 1);
  const property = fc.asyncProperty(files, async ({ text, kid }) => {
    await writeFile(path, text, { mode: 0o600 });
    const outcome: unknown = await adopted(path, kid).catch((error: unknown) => error);
    if (!(outcome instanceof Error)) return count("adopted");
    // Kids are named where one of them has to be chosen, whatever somebody has written there.
    const isChoice = /^The file to import holds several private keys/.test(outcome.message);
    assertRefusal(outcome, ...(isChoice ? [] : [INPUT, PASSPHRASE, KEK, ...secrets]));
    if (!REFUSED.includes(outcome.code)) throw new Error(`${outcome.code} for a file to import`);
    count(outcome.code);
  });
  const counted = () => [...codes].map(([code, times]) => `${code} × ${times}`).join(", ");
  try {
    return [await searched("key files to import", property, extent, counted)];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What keyturn takes over must sign, and what it signs must verify by the JWKS. */
async function adopted(path: string, kid: string | null): Promise<void> {
  const keks = async () => [await parseKek(KEK)];
  const { privateJwk } = await readKeyFile(path, kid, { passphrase: PASSPHRASE, keks });
  const manager = await createKeyManager({
    ...{ store: memoryStore(), issuer: ISSUER, kek: KEK, policy: { standby: false } },
    adopt: { privateJwk, ...(kid === null ? {} : { kid }) },
  });
  const { token } = await manager.sign({ sub: "user-1" });
  const jwks = manager.jwks();
  if (/"(d|p|q|dp|dq|qi|k|priv)":/.test(JSON.stringify(jwks))) throw new TypeError("A private JWKS.");
  const verifier = createVerifier({ issuer: ISSUER, audience: null, jwks: { keys: [...jwks.keys] } });
  await verifier.verify(token).catch((error: unknown) => {
    throw new TypeError(`What it signs does not verify: ${String(error)}`);
  });
}

async function lawfulFiles(): Promise<{ files: fc.Arbitrary<KeyFile>; secrets: readonly string[] }> {
  const pairs = [
    generateKeyPairSync("ec", { namedCurve: "P-256" }),
    generateKeyPairSync("ed25519"),
    generateKeyPairSync("rsa", { modulusLength: 2048 }),
    generateKeyPairSync("ec", { namedCurve: "secp256k1" }),
  ].map(({ privateKey }) => privateKey);
  const [ec, ed, rsa] = pairs as [KeyObject, KeyObject, KeyObject];
  const jwks = [ec, ed, rsa].map(
    (key, i): JWK => ({ ...(key.export({ format: "jwk" }) as JWK), kid: `${i}-a` }),
  );
  const [first] = jwks as [JWK];
  const pems = [
    ...pairs.map((key) => key.export({ type: "pkcs8", format: "pem" })),
    ec.export({ type: "sec1", format: "pem" }),
    rsa.export({ type: "pkcs1", format: "pem" }),
    ec.export({ type: "pkcs8", format: "pem", cipher: "aes-128-cbc", passphrase: PASSPHRASE }),
  ].map(String);
  const sealed = [
    await underPassphrase(first),
    await sealJwk(first, { ring: "a", kid: "0-a" }, await parseKek(KEK)),
  ];
  const publicJwk = { kty: first.kty, crv: first.crv, x: first.x, y: first.y, kid: "p" };
  const sets = [
    { keys: jwks },
    { keys: [first, publicJwk] },
    { keys: [publicJwk] },
    { keys: [first, first] },
  ];

  const odd = fc.oneof(oddValues, fc.constantFrom(INPUT, "ES256", "RS256", "none", "P-384", "oct", 8193));
  const json = fc.constantFrom<object>(...jwks, ...sets, { kty: "oct", k: first.d, alg: "HS256" });
  const written = (value: unknown) => JSON.stringify(value, null, 2) ?? "";
  const texts = fc.oneof(
    { weight: 2, arbitrary: fc.oneof(fc.constantFrom(...pems, ...sealed), json.map(written)) },
    { weight: 6, arbitrary: fc.constantFrom(...pems, ...sealed).chain(alteredText) },
    { weight: 8, arbitrary: json.chain((value) => alteredJson(value, odd, 2)).map(written) },
    { weight: 2, arbitrary: json.map(written).chain(alteredText) },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.constantFrom(...pems), fc.constantFrom(...pems)).map((two) => two.join("")),
    },
    {
      weight: 1,
      arbitrary: fc.oneof(fc.json(), fc.string({ unit: "binary" }), fc.constantFrom(INPUT, "{}")),
    },
  );
  const kids = fc.oneof(
    { weight: 4, arbitrary: fc.constant(null) },
    { weight: 2, arbitrary: fc.constantFrom("0-a", "2-a") },
    { weight: 1, arbitrary: fc.oneof(fc.constantFrom("", "p", "a b", "k".repeat(300)), fc.string()) },
  );
  return {
    files: fc.record({ text: texts, kid: kids }),
    secrets: jwks.flatMap(({ d, p, q }) => [d, p, q].filter((text) => text !== undefined)),
  };
}

function underPassphrase(jwk: JWK): Promise<string> {
  return new CompactEncrypt(new TextEncoder().encode(JSON.stringify(jwk)))
    .setProtectedHeader({ alg: "PBES2-HS512+A256KW", enc: "A256GCM", cty: "jwk+json" })
    .setKeyManagementParameters({ p2c: ITERATIONS })
    .encrypt(new TextEncoder().encode(PASSPHRASE));
}
