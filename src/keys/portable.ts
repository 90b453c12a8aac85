/**
 * A private key on its way out: an encrypted JWK (RFC 7517 section 7) under a passphrase, as any JOSE
 * library opens it. The passphrase is stretched as PBES2 says (RFC 7518 section 4.8).
 */
import { CompactEncrypt, compactDecrypt, decodeProtectedHeader, type JWK } from "jose";
import { KeyturnError } from "../errors.ts";
import type { Kek } from "./kek.ts";
import { openJwk } from "./seal.ts";

/** Iterations of PBKDF2-HMAC-SHA512 that OWASP asks for (Password Storage Cheat Sheet, 2023). */
const ITERATIONS = 210_000;

/** What a file from elsewhere may make us do: some seconds. */
const ITERATIONS_MAX = 5_000_000;

/** Words or characters drawn at random: with fewer, the stretching would have to carry the secret. */
export const PASSPHRASE_LENGTH_MIN = 20;

/** What opens a key that came sealed. */
export interface Openers {
  readonly passphrase: string | null;
  /** Asked for only where a KEK sealed it. */
  keks(): Promise<readonly Kek[]>;
}

/** @throws KeyturnError `passphrase_invalid` */
export async function sealUnderPassphrase(privateJwk: JWK, passphrase: string): Promise<string> {
  if (passphrase.length < PASSPHRASE_LENGTH_MIN) {
    throw new KeyturnError(
      "passphrase_invalid",
      `The passphrase is too short; expected at least ${PASSPHRASE_LENGTH_MIN} characters.`,
      { fix: "Draw one at random, like: openssl rand -base64 24 > passphrase" },
    );
  }
  return new CompactEncrypt(bytesOf(JSON.stringify(privateJwk)))
    .setProtectedHeader({ alg: "PBES2-HS512+A256KW", enc: "A256GCM", cty: "jwk+json" })
    .setKeyManagementParameters({ p2c: ITERATIONS })
    .encrypt(bytesOf(passphrase));
}

/** Whether a text has the form of a compact JWE (RFC 7516 section 7.1). */
export function isSealed(text: string): boolean {
  return /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*){4}$/.test(text);
}

/**
 * Opens what `sealUnderPassphrase` or `sealJwk` made.
 *
 * @throws KeyturnError `passphrase_invalid`, `kek_mismatch`, `import_invalid`, `ring_tampered`
 */
export async function openSealed(sealed: string, openers: Openers): Promise<JWK> {
  const header = headerOf(sealed);
  if (header["alg"] === "A256KW") {
    const kek = (await openers.keks()).find(({ id }) => id === header["kid"]);
    if (kek === undefined) throw sealedUnderOther();
    return openJwk(sealed, { ring: String(header["ring"]), kid: String(header["sealed_kid"]) }, kek);
  }
  const { passphrase } = openers;
  if (passphrase === null)
    throw refused("There is no passphrase for it", "Name the file that holds it: --passphrase-file <file>.");
  const opened = await compactDecrypt(sealed, bytesOf(passphrase), {
    keyManagementAlgorithms: ["PBES2-HS512+A256KW", "PBES2-HS384+A192KW", "PBES2-HS256+A128KW"],
    maxPBES2Count: ITERATIONS_MAX,
  }).catch(() => null);
  if (opened === null)
    throw refused("It does not open with this passphrase", "Check that file and passphrase belong together.");
  return jwkIn(new TextDecoder().decode(opened.plaintext));
}

function headerOf(sealed: string): Readonly<Record<string, unknown>> {
  try {
    return decodeProtectedHeader(sealed) as Readonly<Record<string, unknown>>;
  } catch {
    throw notAKey();
  }
}

function jwkIn(plaintext: string): JWK {
  try {
    const jwk: unknown = JSON.parse(plaintext);
    if (typeof jwk === "object" && jwk !== null && !Array.isArray(jwk)) return jwk as JWK;
  } catch {
    // Said below, for both; the cause would quote the plaintext.
  }
  throw notAKey();
}

function refused(what: string, fix: string): KeyturnError {
  return new KeyturnError("passphrase_invalid", `The key is sealed. ${what}.`, { fix });
}

function sealedUnderOther(): KeyturnError {
  return new KeyturnError("kek_mismatch", "The key is sealed under a KEK that is not configured here.", {
    fix: "Configure the KEK that it was exported under as the previous one, or export it under a passphrase.",
  });
}

function notAKey(): KeyturnError {
  return new KeyturnError("import_invalid", "The sealed file holds no JWK.", {
    fix: "Give what `keyturn export` wrote, to the byte.",
  });
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
