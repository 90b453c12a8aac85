/**
 * KEK and API token: from the environment, or from files that only their owner can read. A value
 * taken from the environment is deleted there, so that no child process, crash report or later
 * dump of the environment shows it.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { KeyturnError } from "../errors.ts";
import { generateKek } from "../keys/kek.ts";
import { randomApiToken } from "../keys/random.ts";
import { createFileOnce } from "../store/create-file.ts";
import { accessError, assertPrivate, makeFolder } from "../store/file-access.ts";
import type { Config, SECRET_VARIABLES } from "./config.ts";

export interface Secrets {
  readonly kek: string;
  readonly previousKek: string | null;
  readonly apiToken: string;
}

type Environment = Record<string, string | undefined>;
type SecretVariable = (typeof SECRET_VARIABLES)[number];

/** @throws KeyturnError `kek_missing`, `api_token_invalid`, `store_permission` */
export async function readKeks(
  config: Config,
  environment: Environment,
): Promise<Pick<Secrets, "kek" | "previousKek">> {
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

/** @throws KeyturnError `api_token_invalid`, `store_permission` */
export async function readApiToken(config: Config, environment: Environment): Promise<string> {
  const token = await fromEither("KEYTURN_API_TOKEN", config.apiTokenFile, environment);
  if (token !== null) return token;
  throw new KeyturnError(
    "api_token_invalid",
    `There is no API token in ${config.apiTokenFile} nor in KEYTURN_API_TOKEN.`,
    {
      fix: "`keyturn init` makes one.",
    },
  );
}

/** Makes what is not there yet, and returns the paths that were made. Of two that do so at once, one wins. */
export async function createSecrets(config: Config, environment: Environment): Promise<string[]> {
  const kek = await createUnlessGiven("KEYTURN_KEK", config.kekFile, generateKek, environment);
  const token = await createUnlessGiven(
    "KEYTURN_API_TOKEN",
    config.apiTokenFile,
    randomApiToken,
    environment,
  );
  return [...kek, ...token];
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
