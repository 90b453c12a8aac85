/** Commands with secrets around them, that work and that cannot. */
import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { JWK } from "jose";

/** Where the test itself puts secrets: what lies there is not keyturn's doing. */
export const GIVEN = "given";

export interface GivenSecrets {
  readonly importedJwk: JWK;
  readonly passphrase: string;
  /** The bearer token of the audit's receiver. */
  readonly auditToken: string;
}

/** Files with a key of `alg` in every form, a passphrase, a bearer token. */
export async function giveSecrets(folder: string, alg: string): Promise<GivenSecrets> {
  const key = keyFor(alg);
  const importedJwk: JWK = { ...(key.export({ format: "jwk" }) as JWK), kid: "2026-a", alg };
  const passphrase = randomBytes(24).toString("base64");
  const auditToken = randomBytes(32).toString("base64url");
  const pem = String(key.export({ type: "pkcs8", format: "pem" }));
  const jwk = JSON.stringify(importedJwk, null, 2);
  const files: Readonly<Record<string, string>> = {
    "key.pem": pem,
    "cut.pem": pem.slice(0, -60),
    "locked.pem": String(key.export({ type: "pkcs8", format: "pem", cipher: "aes-128-cbc", passphrase })),
    "key.json": jwk,
    "cut.json": jwk.slice(0, -5),
    "odd.json": jwk.replace('"kid"', '"d2"'),
    "set.json": JSON.stringify({ keys: [importedJwk, { ...importedJwk, kid: "2026-b" }] }),
    "secret.json": JSON.stringify({ kty: "oct", alg: "HS256", k: importedJwk.d }),
    passphrase: `${passphrase}\n`,
    wrong: `${passphrase}x\n`,
    short: passphrase.slice(0, 19),
    "audit-token": auditToken,
    "two-lines": `${auditToken}\n${auditToken}\n`,
  };
  await mkdir(join(folder, GIVEN));
  for (const [name, text] of Object.entries(files))
    await writeFile(join(folder, GIVEN, name), text, { mode: 0o600 });
  await writeFile(join(folder, GIVEN, "wide.pem"), pem, { mode: 0o644 });
  return { importedJwk, passphrase, auditToken };
}

function keyFor(alg: string): KeyObject {
  if (alg === "EdDSA") return generateKeyPairSync("ed25519").privateKey;
  if (alg === "RS256") return generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

/** Commands that work. */
export const WELL: readonly (readonly string[])[] = [
  ["status"],
  ["export", "--under-kek", "--reason", "a test", "--yes", "--json"],
  ["doctor", "--jwks-url", "http://127.0.0.1:9/jwks.json"],
  ["doctor", "--json", "--audit-url", "http://127.0.0.1:9/", "--audit-token-file", "given/audit-token"],
  ["plan", "--json"],
  ["jwks"],
  ["sign", "--aud", "orders"],
  ["rotate", "--json"],
  ["pause", "--reason", "a test"],
  ["resume"],
  ["policy", "--token-seconds", "60", "--apply"],
  ["audit", "show", "--json"],
  ["audit", "verify"],
  ["--help"],
  ["serve", "--help"],
  ["api-token", "list"],
  ["api-token", "list", "--json"],
  ["init", "--folder", "moved", "--import", "given/key.pem", "--import-kid", "2026-a", "--json"],
  ["init", "--folder", "again", "--import", "given/key.json"],
  ["status", "--folder", "moved"],
];

/** Commands that cannot work, some because a secret was put where none belongs. */
export function badly(kek: string, apiToken: string, given: GivenSecrets): readonly (readonly string[])[] {
  const importing = ["init", "--folder", "no", "--import"];
  const files = [
    "wide.pem",
    "cut.pem",
    "locked.pem",
    "cut.json",
    "odd.json",
    "set.json",
    "secret.json",
    "short",
  ];
  return [
    ["status", "--kek", kek],
    [`--kek=${kek}`],
    ["status", `--kek-fil=${kek}`],
    ["status", "--api-token", apiToken],
    ["status", "--config", "nowhere.yaml"],
    ["revoke", "AAAAAAAAAA", "--reason", "x", "--yes"],
    ["rollback", "--reason", "x", "--yes"],
    ["sign", "--claims", `{"a":"${kek}"`],
    ["sign", "--expires-in-seconds", apiToken],
    ["sign", "--claims", `{"iss":"${apiToken}"}`],
    ["policy", "--jwks-cache-seconds", "1"],
    ["audit", "verify", "--anchor", kek],
    ["no-such-command"],
    [kek],
    ["status", kek],
    ["api-token", "issue", "--name", "x"],
    ["api-token", "issue", "--name", "x", "--role", apiToken],
    ["api-token", "issue", "--name", "x", "--role", "signer", "--claims", `{"a":"${apiToken}"`],
    ["api-token", "issue", "--name", "x", "--role", "signer", "--claims", `{"iss":"${apiToken}"}`],
    ["api-token", "issue", "--name", "x", "--role", "signer", "--expires-in-seconds", apiToken],
    ["api-token", "issue", "--name", "x", "--role", "signer", "--out", "security.token"],
    ["api-token", "issue", "--name", "x", "--role", "signer", "--out", "nowhere/x.token", "--json"],
    ["api-token", "issue", apiToken],
    ["api-token", "list", apiToken],
    ["api-token", "rotate", apiToken],
    ["api-token", "revoke", apiToken, "--reason", "x", "--yes"],
    ["api-token", apiToken],
    ["export", "--passphrase-file", "given/short", "--reason", "x", "--yes"],
    ["export", "--passphrase", given.passphrase, "--reason", "x", "--yes"],
    ["export", given.passphrase, "--under-kek", "--reason", "x", "--yes"],
    ["status", "--audit-token", given.auditToken],
    ["status", "--audit-url", `https://a:${given.auditToken}@audit.example.com/`],
    ["status", "--audit-url", `http://audit.example.com/?key=${given.auditToken}`],
    ["status", "--audit-url", "http://127.0.0.1:9/", "--audit-token-file", "given/two-lines"],
    ...files.map((file) => [...importing, `given/${file}`]),
    [...importing, "given/key.jwe"],
    [...importing, "given/key.jwe", "--passphrase-file", "given/wrong"],
    [...importing, "given/key.jwe", "--passphrase-file", "given/nothing"],
    [...importing, "given/key.pem", "--import-kid", String(given.importedJwk.d), "--import-alg", "HS256"],
    [...importing, "given/key.pem", "--import-created-at", String(given.importedJwk.d)],
    ["init", "--import", "given/key.pem"],
  ];
}
