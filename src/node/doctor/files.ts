/** Who can read what: folder, ring, secrets and audit log are for their owner alone. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileSystemWarning } from "../../store/file.ts";
import { codeOf } from "../../store/file-access.ts";
import { apiTokensFolder } from "../api-tokens.ts";
import { formerNotesFileOf, notesFileOf } from "../audit/notes-file.ts";
import { auditPositionFile } from "../audit/position.ts";
import { type Config, ringFolder } from "../config.ts";
import { type Fault, type Finding, failing, finding, warning } from "./finding.ts";

/** @param userId of this process; null where the system has none. */
export async function checkFiles(config: Config, userId: number | null): Promise<Finding> {
  const paths = await pathsOf(config);
  const looked = await Promise.all(paths.map((path) => faultsOf(path, userId)));
  const there = looked.filter((faults) => faults !== null);
  return finding("files", there.flat(), `${there.length} files and folders are for their owner alone.`);
}

/** Null where the ring lies in no file. */
export async function checkFileSystem(config: Config): Promise<Finding | null> {
  if (config.store !== "file") return null;
  const trouble = await fileSystemWarning(ringFolder(config));
  const faults = trouble === null ? [] : [warning(trouble, "Move the folder to a local disk that lasts.")];
  return finding("file-system", faults, "The ring lies where it lasts, as far as the system says.");
}

/** Those that may be there; what is missing is another check's business. */
async function pathsOf(config: Config): Promise<string[]> {
  const stores = config.store === "file" ? [ringFolder(config), apiTokensFolder(config)] : [];
  const stored = await Promise.all(stores.map(filesIn));
  const { kekFile, previousKekFile, apiTokenFile, auditLog, auditTokenFile } = config;
  const logs = auditLog === "stdout" ? [] : [auditLog, notesFileOf(auditLog), formerNotesFileOf(auditLog)];
  const secrets = [kekFile, previousKekFile, apiTokenFile, auditTokenFile];
  const files = [...secrets, ...logs, auditPositionFile(config)];
  return [config.folder, ...stores, ...stored.flat(), ...files].filter((path) => path !== null);
}

async function filesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((): string[] => []);
  return names.map((name) => join(folder, name));
}

/** Null where nothing is. */
async function faultsOf(path: string, userId: number | null): Promise<Fault[] | null> {
  const found = await stat(path).catch((error: unknown) => codeOf(error) ?? "unknown");
  if (found === "ENOENT") return null;
  if (typeof found === "string")
    return [
      failing(`${path} cannot be looked at (${found}).`, `Let the user that runs keyturn own ${path}.`),
    ];
  // Windows has neither modes nor owners of this kind.
  if (userId === null) return [];
  const wide = found.mode & 0o077;
  const mode = (found.mode & 0o777).toString(8).padStart(4, "0");
  const strict = found.isDirectory() ? "0700" : "0600";
  return [
    ...(wide === 0
      ? []
      : [failing(`${path} has mode ${mode}: not only its owner can reach it.`, `chmod ${strict} ${path}`)]),
    ...(found.uid === userId || userId === ROOT
      ? []
      : [failing(`${path} belongs to another user (${found.uid}).`, `chown ${userId} ${path}`)]),
  ];
}

/** Root may look after the files of the user that runs keyturn. */
const ROOT = 0;
