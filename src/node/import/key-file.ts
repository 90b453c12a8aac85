/**
 * The file that an issuer keeps its private key in: PEM (PKCS #8, SEC 1, PKCS #1), a JWK, a JWKS, or
 * what `keyturn export` wrote. Nothing of it is ever part of a message, save the kids of a JWKS.
 */
import { createPrivateKey } from "node:crypto";
import { open } from "node:fs/promises";
import { KeyturnError } from "../../errors.ts";
import { isSealed, type Openers, openSealed } from "../../keys/portable.ts";
import { isKid } from "../../ring/ring.ts";
import { accessError, refuseWideMode } from "../../store/file-access.ts";

export interface KeyInFile {
  readonly privateJwk: Readonly<Record<string, unknown>>;
  /** Other keys in the file, which stay behind. */
  readonly others: number;
}

/** A JWKS of the largest keys that anyone has, several times over. */
const FILE_BYTES_MAX = 262_144;

/**
 * @param kid which key of a JWKS; null where there is one only.
 * @throws KeyturnError `import_invalid`, `passphrase_invalid`, `kek_mismatch`, `store_permission`, `store_unavailable`
 */
export async function readKeyFile(path: string, kid: string | null, openers: Openers): Promise<KeyInFile> {
  const text = (await privateText(path)).trim();
  if (text.startsWith("{")) return chosen(parsed(text), kid);
  if (text.includes("-----BEGIN ")) return { privateJwk: fromPem(text), others: 0 };
  if (isSealed(text)) return { privateJwk: { ...(await openSealed(text, openers)) }, others: 0 };
  throw invalid("is neither PEM nor JWK nor JWKS nor a sealed export");
}

/** Of a file that only its owner can read: a key that others could copy is no secret to build on. */
async function privateText(path: string): Promise<string> {
  const file = await open(path, "r").catch((error: unknown) => {
    throw accessError(error, `read ${path}`, `chmod 0600 ${path}`);
  });
  try {
    const { mode, size } = await file.stat();
    refuseWideMode(path, mode);
    if (size > FILE_BYTES_MAX) throw invalid(`has ${size} bytes (limit ${FILE_BYTES_MAX})`);
    return await file.readFile("utf8");
  } catch (error) {
    throw error instanceof KeyturnError ? error : accessError(error, `read ${path}`, `chmod 0600 ${path}`);
  } finally {
    await file.close();
  }
}

type Jwk = Readonly<Record<string, unknown>>;

/** The parser's own message would quote the text. */
function parsed(json: string): Jwk {
  try {
    return JSON.parse(json) as Jwk;
  } catch {
    throw invalid("is not valid JSON");
  }
}

function chosen(document: Jwk, kid: string | null): KeyInFile {
  const keys = document["keys"];
  if (!Array.isArray(keys)) return { privateJwk: document, others: 0 };
  const all = keys.filter((key): key is Jwk => typeof key === "object" && key !== null);
  const candidates = all.filter(isPrivate).filter((key) => kid === null || key["kid"] === kid);
  const [first] = candidates;
  if (first === undefined)
    throw invalid(kid === null ? "holds no private key" : "holds no private key of that kid");
  if (candidates.length > 1) throw invalid(`holds several private keys${kidsOf(candidates)}`);
  return { privateJwk: first, others: all.length - 1 };
}

/** `d` of EC, RSA and OKP, `priv` of AKP; a symmetric `k` signs as well, and is refused where it is adopted. */
function isPrivate(jwk: Jwk): boolean {
  return ["d", "priv", "k"].some((member) => jwk[member] !== undefined);
}

function kidsOf(keys: readonly Jwk[]): string {
  const kids = keys.flatMap(({ kid }) => (typeof kid === "string" && isKid(kid) ? [kid] : []));
  return kids.length === 0 ? "" : ` (${kids.join(", ")}); say which signs: --import-kid <kid>`;
}

function fromPem(pem: string): Jwk {
  if (/-----BEGIN ENCRYPTED |^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    throw invalid(
      "is encrypted PEM",
      "Decrypt it first, into a file of mode 0600: openssl pkey -in <file> -out <other file>",
    );
  }
  try {
    return { ...createPrivateKey(pem).export({ format: "jwk" }) };
  } catch {
    throw invalid("is PEM without a private key that has a JWK form");
  }
}

function invalid(
  how: string,
  fix = "Give the private key that signs your tokens now, as PEM, JWK or JWKS.",
): KeyturnError {
  return new KeyturnError("import_invalid", `The file to import ${how}.`, { fix });
}
