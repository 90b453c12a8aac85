/**
 * A ring in a folder: one file per commit, `ring.0000000012.json`, and the highest number is the ring.
 *
 * A file is never changed. To commit is to create the next number, which only one process can do
 * (create-file.ts), so replace is a true compare-and-swap, across processes and containers on one
 * disk. A lock with a rename would not be one: a writer paused between its last look and its rename
 * would undo whatever was committed meanwhile, and a lock left by a killed writer blocks the others.
 *
 * Old numbers are pruned, and a paused writer must not fill the gap. Hence the one rule of tidying:
 * the temporary files of decided numbers go first, the old numbers after them. A writer looks for
 * the newest number once more when its temporary file is there; so whoever prunes the number it is
 * after has either been seen by that look, or has removed the temporary file, and the link fails.
 *
 * Limits: a local file system with hard links (`fileSystemWarning` names those known not to do).
 */
import { createHash } from "node:crypto";
import { statfs } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { KeyturnError } from "../errors.ts";
import { createFileOnce, temporaryTarget } from "./create-file.ts";
import { assertStorable } from "./document-limits.ts";
import {
  accessError,
  codeOf,
  type FileIo,
  makeFolder,
  nodeFileIo,
  openFolder,
  refuseWideMode,
  syncFolder,
} from "./file-access.ts";
import { conflict } from "./memory.ts";
import { DOCUMENT_BYTES_MAX, type RingStore } from "./store.ts";

/**
 * The newest and the one before, to go back to by hand should the disk spoil the newest. Not more,
 * because a revoked key's private half stays sealed in an older file until that is gone.
 */
export const KEPT_GENERATIONS = 2;

/** As many digits as the name has: a commit each second for 300 years. */
const NUMBER_MAX = 9_999_999_999;

/**
 * Keeps the ring in `folder`, which is made (0700) at the first commit. Any number of processes on
 * one machine may share it.
 *
 * @param io The file system, for tests that need one that fails.
 */
export function fileStore(folder: string, io: FileIo = nodeFileIo): RingStore {
  const home = resolve(folder);
  /** The newest number that is known to survive a power cut. */
  let durable = 0;

  /** Its writer may be on the way to its own fsync; nobody must act on a ring that could still be lost. */
  async function settle(number: number): Promise<void> {
    if (number === durable) return;
    await syncFolder(home, io).catch((error: unknown) => {
      throw accessError(error, `make ${home} durable`, `chmod 0700 ${home}`);
    });
    durable = number;
  }

  return {
    description: `file ${folder}`,
    async load() {
      const newest = await readNewest(home, io);
      if (newest === null) return null;
      await settle(newest.number);
      const { document, revision, linkedAt } = newest;
      return { document, revision, storedAt: Math.min(linkedAt, await namesChangedAt(home, io)) };
    },
    async replace(document, expected) {
      assertStorable(document);
      const newest = await readNewest(home, io);
      if ((newest?.revision ?? null) !== expected) throw conflict();
      if (newest === null) await makeFolder(home, io);
      const number = await commit(home, newest?.number ?? 0, document, io);
      durable = number;
      await tidy(home, io);
      return revisionOf(number, document);
    },
  };
}

/**
 * When a name in the folder last came or went (stat(2), st_mtime): not before the newest ring file got its
 * own, and moved by no chown, chmod or link made elsewhere, as that file's st_ctime is. The earlier of the
 * two it is. Infinity where a folder cannot tell.
 */
async function namesChangedAt(folder: string, io: FileIo): Promise<number> {
  try {
    const opened = await openFolder(folder, io);
    if (opened === null) return Infinity;
    try {
      return (await opened.stat()).mtimeMs / 1000;
    } finally {
      await opened.close();
    }
  } catch {
    return Infinity;
  }
}

interface Generation {
  readonly number: number;
  readonly document: string;
  readonly revision: string;
  /** When its file got its name, or later: a link changes the inode (stat(2), st_ctime), as a chown does. */
  readonly linkedAt: number;
}

/** Creates the successor of number `base`, 0 being the empty folder. */
async function commit(folder: string, base: number, document: string, io: FileIo): Promise<number> {
  const number = base + 1;
  if (number > NUMBER_MAX) throw numbersUsedUp(folder);
  const outcome = await createFileOnce(join(folder, nameOf(number)), document, {
    unless: async () => newestOf(await list(folder, io)) !== base,
    io,
  });
  if (outcome === "exists") throw conflict();
  return number;
}

/** A number pruned between the listing and the reading means newer ones; that often in a row it is no accident. */
const READ_ATTEMPTS = 5;

async function readNewest(folder: string, io: FileIo): Promise<Generation | null> {
  for (let attempt = 1; attempt <= READ_ATTEMPTS; attempt++) {
    const number = newestOf(await list(folder, io));
    if (number === 0) return null;
    const found = await readGeneration(folder, number, io);
    if (found !== null) return found;
  }
  throw new KeyturnError(
    "store_unavailable",
    `The newest ring file in ${folder} vanishes before it can be read.`,
    {
      fix: `Look for a dangling symbolic link or a program that deletes files: ls -la ${folder}`,
    },
  );
}

async function list(folder: string, io: FileIo): Promise<string[]> {
  try {
    return await io.readdir(folder);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw accessError(error, `list ${folder}`, `chmod 0700 ${folder}`);
  }
}

/** The generation of that number; null when it has been pruned. */
async function readGeneration(folder: string, number: number, io: FileIo): Promise<Generation | null> {
  const path = join(folder, nameOf(number));
  try {
    const { bytes, linkedAt } = await read(path, io);
    const document = decoded(bytes, path);
    return { number, document, revision: revisionOf(number, document), linkedAt };
  } catch (error) {
    if (error instanceof KeyturnError) throw error;
    if (codeOf(error) === "ENOENT") return null;
    throw accessError(error, `read ${path}`, `chmod 0600 ${path}`);
  }
}

async function read(path: string, io: FileIo): Promise<{ bytes: Uint8Array; linkedAt: number }> {
  const file = await io.open(path, "r");
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw corrupt(path, "is not a file");
    refuseWideMode(path, stat.mode);
    if (stat.size === 0) throw corrupt(path, "is empty");
    if (stat.size > DOCUMENT_BYTES_MAX)
      throw corrupt(path, `has ${stat.size} bytes (limit ${DOCUMENT_BYTES_MAX})`);
    return { bytes: await file.readFile(), linkedAt: stat.ctimeMs / 1000 };
  } finally {
    await file.close();
  }
}

function decoded(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw corrupt(path, "is not UTF-8");
  }
}

function corrupt(path: string, how: string): KeyturnError {
  return new KeyturnError("ring_corrupt", `${path} ${how}, and keyturn never writes such a file.`, {
    fix:
      `The generation before it is kept beside it. To go back to that one, stop keyturn and run: mv ${path} ${path}.bad ` +
      "(what the last commit did is undone: a key that it revoked is trusted again).",
  });
}

/** Removes what is no longer needed. A commit has happened by now, and no failure here may deny it. */
async function tidy(folder: string, io: FileIo): Promise<void> {
  try {
    const names = await io.readdir(folder);
    const newest = newestOf(names);
    const numbers = names.map(numberOf).filter((number) => number > 0 && number <= newest - KEPT_GENERATIONS);
    // First the temporary files, then the numbers: the rule at the top. A failure ends it, so that the order holds.
    for (const name of names.filter((name) => isDecided(name, newest))) await remove(join(folder, name), io);
    for (const number of numbers) await remove(join(folder, nameOf(number)), io);
  } catch {
    // The next commit tidies again.
  }
}

/** Whether `name` is a temporary file for a number that has been committed, by its writer or another. */
function isDecided(name: string, newest: number): boolean {
  const number = numberOf(temporaryTarget(name) ?? "");
  return number > 0 && number <= newest;
}

async function remove(path: string, io: FileIo): Promise<void> {
  await io.unlink(path).catch((error: unknown) => {
    if (codeOf(error) !== "ENOENT") throw error;
  });
}

function nameOf(number: number): string {
  return `ring.${String(number).padStart(10, "0")}.json`;
}

/** The number in a ring file's name; 0 for every other name. */
function numberOf(name: string): number {
  return Number(/^ring\.(\d{10})\.json$/.exec(name)?.[1] ?? 0);
}

function newestOf(names: readonly string[]): number {
  return Math.max(0, ...names.map(numberOf));
}

/** The number tells commits of one document apart, the hash a folder restored from a backup from what it was. */
function revisionOf(number: number, document: string): string {
  return `${number}.${createHash("sha256").update(document).digest("base64url")}`;
}

function numbersUsedUp(folder: string): KeyturnError {
  return new KeyturnError(
    "store_full",
    `${nameOf(NUMBER_MAX)} is the last number a ring file in ${folder} can have.`,
    {
      fix: `Stop keyturn, move the other ring files out of the folder, then rename this one to ${nameOf(1)}.`,
    },
  );
}

/** File systems, as statfs(2) names them, on which a ring is not safe. */
const FILE_SYSTEM_WARNINGS: ReadonlyMap<number, string> = new Map([
  [0x01021994, "is in memory (tmpfs): the ring will not survive a reboot"],
  [0x794c7630, "is the container's own layer (overlayfs): the ring will be gone with the container"],
  [0x6969, "is on NFS, where keyturn is not tested: let one machine alone use it"],
  [0x517b, "is on SMB, where keyturn is not tested: let one machine alone use it"],
  [0xff534d42, "is on SMB, where keyturn is not tested: let one machine alone use it"],
  [0xfe534d42, "is on SMB, where keyturn is not tested: let one machine alone use it"],
]);

/**
 * A sentence for the operator when the folder is on a file system where the ring is not safe; null
 * when none is known. A folder that is yet to be made is judged by the one that it will be made in.
 */
export async function fileSystemWarning(
  folder: string,
  typeOf: (path: string) => Promise<number> = async (path) => (await statfs(path)).type,
): Promise<string | null> {
  const path = resolve(folder);
  try {
    const warning = FILE_SYSTEM_WARNINGS.get((await typeOf(path)) >>> 0);
    return warning === undefined ? null : `${folder} ${warning}.`;
  } catch (error) {
    // Only a warning is at stake; whatever else is wrong with the folder, load will say.
    if (codeOf(error) !== "ENOENT" || dirname(path) === path) return null;
    return fileSystemWarning(dirname(path), typeOf);
  }
}
