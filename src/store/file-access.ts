/**
 * How keyturn's files are reached: the few calls it makes of the operating system, folders and
 * files that are nobody else's (0700, 0600), and what is said when the system refuses.
 */
import * as fs from "node:fs/promises";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { KeyturnError } from "../errors.ts";

/** All that keyturn asks of a file system: node:fs/promises, or a failing one under test. */
export interface FileIo {
  open(path: string, flags: "r" | "wx", mode?: number): Promise<OpenFile>;
  link(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  readdir(path: string): Promise<string[]>;
  mkdir(path: string, options: { recursive: true; mode: number }): Promise<string | undefined>;
}

export interface OpenFile {
  stat(): Promise<{
    readonly mode: number;
    readonly size: number;
    readonly ctimeMs: number;
    readonly mtimeMs: number;
    isFile(): boolean;
  }>;
  readFile(): Promise<Uint8Array>;
  writeFile(content: string): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export const nodeFileIo: FileIo = fs;

/** Windows has neither Unix modes nor an fsync for folders. */
const POSIX = process.platform !== "win32";

/**
 * Makes the folder and what is missing above it, for the owner alone, so that it survives a power cut.
 *
 * @throws KeyturnError `store_permission`, `store_full`, `store_unavailable`.
 */
export async function makeFolder(path: string, io: FileIo = nodeFileIo): Promise<void> {
  const folder = resolve(path);
  try {
    const first = await io.mkdir(folder, { recursive: true, mode: 0o700 });
    // Also when nothing had to be made: whoever made it may have been killed before this line.
    for (const parent of parents(folder, first ?? folder)) await syncFolder(parent, io);
  } catch (error) {
    throw accessError(error, `make the folder ${folder}`, parentAccess(folder));
  }
}

/** The folders that a new entry was made in, from the innermost out. */
function parents(folder: string, first: string): string[] {
  const parent = dirname(folder);
  return folder === first || folder === parent ? [parent] : [parent, ...parents(parent, first)];
}

/** What has been made in the folder survives a power cut from here on. */
export async function syncFolder(path: string, io: FileIo): Promise<void> {
  const opened = await openFolder(path, io).catch((error: unknown) => {
    // To enter a folder is not to be allowed to list it, so it may be out of reach for fsync.
    if (codeOf(error) === "EACCES") return null;
    throw error;
  });
  if (opened === null) return;
  try {
    await opened.sync();
  } finally {
    await opened.close();
  }
}

/** A folder opened for its fsync; null where folders have none. */
export async function openFolder(path: string, io: FileIo): Promise<OpenFile | null> {
  return POSIX ? io.open(path, "r") : null;
}

/**
 * Refuses a file that the group or others can read.
 *
 * @throws KeyturnError `store_permission`; `store_unavailable` when there is no such file.
 */
export async function assertPrivate(path: string): Promise<void> {
  try {
    refuseWideMode(path, (await fs.stat(path)).mode);
  } catch (error) {
    if (error instanceof KeyturnError) throw error;
    throw accessError(error, `look at ${path}`, `chmod 0600 ${path}`);
  }
}

/** The same for a file already open, whose mode nobody can change between the look and the read. */
export function refuseWideMode(path: string, mode: number): void {
  if (!POSIX || (mode & 0o077) === 0) return;
  const found = (mode & 0o777).toString(8).padStart(4, "0");
  throw new KeyturnError("store_permission", `${path} has mode ${found}: not only its owner can reach it.`, {
    fix: `Find out who could read it, then run: chmod 0600 ${path}`,
  });
}

/**
 * A refusal of the operating system in keyturn's words, for a call that has changed nothing.
 *
 * @param doing What keyturn could not do, and to which path: `list /var/lib/keyturn`.
 * @param needs What it takes to be allowed to.
 */
export function accessError(error: unknown, doing: string, needs: string): KeyturnError {
  const code = codeOf(error) ?? String(error);
  const what = `Cannot ${doing} (${code}).`;
  if (code === "ENOSPC" || code === "EDQUOT") {
    const fix = "Free space there, or raise the quota. What was stored before is untouched.";
    return new KeyturnError("store_full", what, { fix, cause: error });
  }
  if (code === "EROFS") {
    return new KeyturnError("store_permission", what, {
      fix: "Mount that file system writable.",
      cause: error,
    });
  }
  if (code === "EACCES" || code === "EPERM") {
    const fix = `Let the user that runs keyturn own it, then run: ${needs}`;
    return new KeyturnError("store_permission", what, { fix, cause: error });
  }
  const fix = "Check that the path is the right one, then its disk (dmesg).";
  return new KeyturnError("store_unavailable", what, { fix, cause: error });
}

/** What `accessError` suggests when an entry cannot be made in the folder of `path`. */
export function parentAccess(path: string): string {
  return `chmod 0700 ${dirname(path)}`;
}

/** `ENOENT` and the like. */
export function codeOf(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error)) return null;
  return typeof error.code === "string" ? error.code : null;
}
