/**
 * KEK and tokens: from the environment, or from files that only their owner can read. A value
 * taken from the environment is deleted there, so that no child process, crash report or later
 * dump of the environment shows it.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { KeyturnError } from "../errors.ts";
import { generateKek, type Kek, parseKek } from "../keys/kek.ts";
import { createFileOnce } from "../store/create-file.ts";
import { accessError, assertPrivate, makeFolder } from "../store/file-access.ts";
import type { Config, SECRET_VARIABLES } from "./config.ts";

export interface KekTexts {
  readonly kek: string;
  readonly previousKek: string | null;
}

type Environment = Record<string, string | undefined>;
type SecretVariable = (typeof SECRET_VARIABLES)[number];

/** @throws KeyturnError `kek_missing`, `store_permission` */
export async function readKeks(config: Config, environment: Environment): Promise<KekTexts> {
  const kek = (await fromEither("KEYTURN_KEK", config.kekFile, environment)) ?? null;
  if (kek === null) {
    throw new KeyturnError(
      "kek_missing",
      `There is no key-encryption key in ${config.kekFile} nor in KEYTURN_KEK.`,
      {
        fix: "Put the KEK of this ring there. Without it the ring cannot be opened; a new one does not help.",
      },
    );
  }
  return { kek, previousKek: await fromEither("KEYTURN_PREVIOUS_KEK", config.previousKekFile, environment) };
}

/** The KEKs themselves, the preferred one first. @throws KeyturnError `kek_invalid` */
export async function parseKeks({ kek, previousKek }: KekTexts): Promise<[Kek, ...Kek[]]> {
  const preferred = await parseKek(kek);
  return previousKek === null ? [preferred] : [preferred, await parseKek(previousKek)];
}

/** An API token that keyturn did not issue, or the first one that it did; null when there is none. */
export function readApiToken(config: Config, environment: Environment): Promise<string | null> {
  return fromEither("KEYTURN_API_TOKEN", config.apiTokenFile, environment);
}

/** What the audit records are sent with; null when there is none. */
export function readAuditToken(config: Config, environment: Environment): Promise<string | null> {
  return fromEither("KEYTURN_AUDIT_TOKEN", config.auditTokenFile, environment);
}

/** Makes the KEK if there is none, and returns the paths that were made. Of two that do so at once, one wins. */
export function createKek(config: Config, environment: Environment): Promise<string[]> {
  return createUnlessGiven("KEYTURN_KEK", config.kekFile, generateKek, environment);
}

async function createUnlessGiven(
  variable: SecretVariable,
  file: string,
  generate: () => string,
  environment: Environment,
): Promise<string[]> {
  if (environment[variable] !== undefined || existsSync(file)) return [];
  await makeFolder(dirname(file));
  return (await createFileOnce(file, `${generate()}\n`)) === "created" ? [file] : [];
}

/** The variable wins over the file, as everywhere in the configuration. */
async function fromEither(
  variable: SecretVariable,
  file: string | null,
  environment: Environment,
): Promise<string | null> {
  const value = environment[variable];
  delete environment[variable];
  if (value !== undefined) return value.trim();
  if (file === null || !existsSync(file)) return null;
  await assertPrivate(file);
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw accessError(error, `read ${file}`, `chmod 0600 ${file}`);
  });
  return text.trim();
}
