/** `init --import`: what an issuer that runs already says of its key. */
import type { Command } from "commander";
import type { Config } from "../node/config.ts";
import { type Imported, type ImportOrder, importRing } from "../node/import/import-ring.ts";
import { readPassphrase } from "../node/passphrase-file.ts";
import { ALGORITHMS, type Algorithm } from "../ring/algorithm.ts";
import { type Options, option, usage } from "./command.ts";
import { printNote } from "./print.ts";
import { actorName } from "./ring-commands.ts";

export function withImport(to: Command): Command {
  const options = [
    option(
      "--import <file>",
      "adopt the private key in this file (PEM, JWK, JWKS, sealed export) as emitter",
    ),
    option(
      "--import-kid <kid>",
      "the kid in its tokens; default: the file's own, else the RFC 7638 thumbprint",
    ),
    option(
      "--import-alg <alg>",
      "the alg in its tokens; default: the file's own, else the only one that fits",
    ),
    option("--import-created-at <instant>", "since when it signs: 2026-03-01 or epoch seconds; default: now"),
    option("--import-token-seconds <n>", "longest lifetime of its tokens so far; default: 86400, a day"),
    option("--import-jwks-cache-seconds <n>", "how long its JWKS so far may be kept; default: 86400, a day"),
    option("--passphrase-file <file>", "opens a sealed export"),
  ];
  for (const each of options) to.addOption(each.helpGroup("Import:"));
  return to;
}

/** Adopts the key where `--import` asks for it; null where it does not. */
export async function importedBy(options: Options, config: Config): Promise<Imported | null> {
  const order = await orderOf(options);
  if (order === null) return null;
  const imported = await importRing(config, order, process.env);
  // A repetition finds the key in the ring, and there is nothing more to say of it.
  if (!imported.ringCreated) return imported;
  if (imported.others > 0)
    printNote(
      `${imported.others} other ${imported.others === 1 ? "key" : "keys"} of the file stayed behind; tokens signed with those are refused where only this JWKS is served`,
    );
  if (imported.kidAssumed)
    printNote(
      "the file names no kid, so the thumbprint was taken; if your tokens say another, import with --import-kid",
    );
  return imported;
}

async function orderOf(options: Options): Promise<ImportOrder | null> {
  const { import: file, importKid: kid, importAlg, importCreatedAt, passphraseFile } = options;
  if (typeof file !== "string") {
    if (IMPORT_OPTIONS.some((name) => options[name] !== undefined))
      throw usage("An option of --import is given without it.", "Name the file: --import <file>.");
    return null;
  }
  return {
    file,
    actor: actorName(),
    passphrase: typeof passphraseFile === "string" ? await readPassphrase(passphraseFile) : null,
    ...(typeof kid === "string" ? { kid } : {}),
    ...(typeof importAlg === "string" ? { alg: algorithmOf(importAlg) } : {}),
    ...(typeof importCreatedAt === "string" ? { createdAt: instantOf(importCreatedAt) } : {}),
    ...secondsIn(options["importTokenSeconds"], "--import-token-seconds", "tokenSeconds"),
    ...secondsIn(options["importJwksCacheSeconds"], "--import-jwks-cache-seconds", "jwksCacheSeconds"),
  };
}

const IMPORT_OPTIONS = [
  "importKid",
  "importAlg",
  "importCreatedAt",
  "importTokenSeconds",
  "importJwksCacheSeconds",
  "passphraseFile",
];

function algorithmOf(text: string): Algorithm {
  const found = ALGORITHMS.find((alg) => alg === text);
  if (found !== undefined) return found;
  throw usage("--import-alg names an algorithm that there is not.", `Known are: ${ALGORITHMS.join(", ")}.`);
}

/** A day of the calendar means its first instant, so that the key is taken for older rather than younger. */
function instantOf(text: string): number {
  if (/^\d{9,11}$/.test(text)) return Number(text);
  const isDate = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?Z)?$/.test(text);
  const milliseconds = isDate ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(milliseconds)) return Math.floor(milliseconds / 1000);
  throw usage(
    "--import-created-at is no instant.",
    "Write it like: 2026-03-01, 2026-03-01T12:00:00Z or 1772366400.",
  );
}

function secondsIn(
  text: Options[string],
  flag: string,
  name: "tokenSeconds" | "jwksCacheSeconds",
): { readonly [seconds in typeof name]?: number } {
  if (typeof text !== "string") return {};
  if (/^\d{1,9}$/.test(text)) return { [name]: Number(text) };
  throw usage(`${flag} is not a whole number of seconds.`, `Write it like: ${flag} 3600`);
}
