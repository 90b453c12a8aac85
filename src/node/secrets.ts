/**
 * KEK and tokens: from the environment, from a secret, or from files that only their owner can read. A
 * value taken from the environment is deleted there, so that no child process, crash report or later
 * dump of the environment shows it.
 */
import { KeyturnError } from "../errors.ts";
import { kekIn, secretPlace, withPrevious } from "../kek/configured.ts";
import type { KekPlace, KekSource, KekTexts } from "../kek/source.ts";
import { type Kek, parseKek } from "../keys/kek.ts";
import type { Config, SECRET_VARIABLES } from "./config.ts";
import { kekFile, readSecretFile } from "./kek-file.ts";

export type KekSettings = Pick<
  Config,
  "issuer" | "kekFile" | "previousKekFile" | "kekSecretId" | "kmsKeyId" | "awsRegion" | "awsEndpoint"
>;

type Environment = Record<string, string | undefined>;
type SecretVariable = (typeof SECRET_VARIABLES)[number];

/**
 * Where this node's KEK comes from: the environment wins over a secret, which wins over a file. Where there
 * is a KMS key, it has wrapped whichever it is.
 *
 * @param environment What is read of it is deleted there.
 * @throws KeyturnError `config_invalid`
 */
export function kekSourceOf(config: KekSettings, environment: Environment): KekSource {
  return kekIn(kekPlaceOf(config, environment), config);
}

function kekPlaceOf(config: KekSettings, environment: Environment): KekPlace {
  const { kekSecretId } = config;
  const { previousKekFile } = config;
  const previous = () => fromEither("KEYTURN_PREVIOUS_KEK", previousKekFile, environment);
  // Decided once: what is read is deleted, and must not let a file take its place then.
  if (environment["KEYTURN_KEK"] !== undefined)
    return withPrevious({ description: "KEYTURN_KEK", read: async () => textsIn(environment) }, previous);
  return withPrevious(
    kekSecretId === null ? kekFile(config.kekFile) : secretPlace(kekSecretId, config),
    previous,
  );
}

function textsIn(environment: Environment): KekTexts | null {
  const kek = taken("KEYTURN_KEK", environment);
  return kek === null ? null : { kek, previousKek: null };
}

/** @throws KeyturnError `kek_missing`, and what its source throws */
export async function readKeks(config: KekSettings, environment: Environment): Promise<KekTexts> {
  const source = kekSourceOf(config, environment);
  const texts = await source.read();
  if (texts !== null) return texts;
  throw new KeyturnError(
    "kek_missing",
    `There is no key-encryption key in ${source.description} nor in KEYTURN_KEK.`,
    {
      fix: "Put the KEK of this ring there. Without it the ring cannot be opened; a new one does not help.",
    },
  );
}

/** The KEKs themselves, the preferred one first. @throws KeyturnError `kek_invalid` */
export async function parseKeks({ kek, previousKek }: KekTexts): Promise<[Kek, ...Kek[]]> {
  const preferred = await parseKek(kek);
  return previousKek === null ? [preferred] : [preferred, await parseKek(previousKek)];
}

/**
 * Makes the KEK if there is none, and returns what was made: the path of the file, or which secret. Of two
 * that do so at once, one wins.
 */
export async function createKek(config: KekSettings, environment: Environment): Promise<string[]> {
  const source = kekSourceOf(config, environment);
  const isMade = (await source.create?.()) ?? false;
  return isMade ? [source.description] : [];
}

/** An API token that keyturn did not issue, or the first one that it did; null when there is none. */
export function readApiToken(config: Config, environment: Environment): Promise<string | null> {
  return fromEither("KEYTURN_API_TOKEN", config.apiTokenFile, environment);
}

/** What the audit records are sent with; null when there is none. */
export function readAuditToken(config: Config, environment: Environment): Promise<string | null> {
  return fromEither("KEYTURN_AUDIT_TOKEN", config.auditTokenFile, environment);
}

/** The variable wins over the file, as everywhere in the configuration. */
async function fromEither(
  variable: SecretVariable,
  file: string | null,
  environment: Environment,
): Promise<string | null> {
  return taken(variable, environment) ?? (await readSecretFile(file));
}

function taken(variable: SecretVariable, environment: Environment): string | null {
  const value = environment[variable];
  delete environment[variable];
  return value?.trim() ?? null;
}
