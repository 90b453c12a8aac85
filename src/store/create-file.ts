/**
 * The one durable write in keyturn: a file appears whole, with its content safe on disk, or not at
 * all, and of any number of processes that create it exactly one does. It is written beside its
 * place and then hard-linked into it, because link never overwrites: there is no lock that could
 * go stale, and no pause of this process that could let it undo the write of another. The cost is
 * that a file is never changed, only followed by the next, and that the file system needs links.
 */
import { randomBytes } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { KeyturnError } from "../errors.ts";
import {
  accessError,
  codeOf,
  type FileIo,
  nodeFileIo,
  type OpenFile,
  openFolder,
  parentAccess,
} from "./file-access.ts";

export interface CreateOptions {
  /**
   * Asked once the content is safe beside its place and before it is put there; true gives it up.
   * Whoever may delete files at `path` needs it: see store/file.ts.
   */
  readonly unless?: () => Promise<boolean>;
  readonly io?: FileIo;
}

/**
 * Creates the file for its owner alone (0600), in a folder that is there.
 *
 * @returns `created` once it would survive a power cut; `exists` when another was there first, and
 *   nothing of this one is left.
 * @throws KeyturnError `store_full`, `store_permission`, `store_unavailable` when it was not
 *   created; `commit_unknown` when that cannot be told.
 */
export async function createFileOnce(
  path: string,
  content: string,
  { unless = async () => false, io = nodeFileIo }: CreateOptions = {},
): Promise<"created" | "exists"> {
  const temporary = join(dirname(path), temporaryName(basename(path)));
  // Opened before anything is written, so that a folder out of reach is found while nothing has happened yet.
  const folder = await openFolder(dirname(path), io).catch((error: unknown) => {
    throw accessError(error, `open ${dirname(path)}`, parentAccess(path));
  });
  try {
    const outcome = await place(temporary, path, content, unless, io);
    if (outcome === "created") await makeDurable(folder, path);
    return outcome;
  } finally {
    await folder?.close().catch(() => undefined);
  }
}

/** The name under which a file called `name` is written. Nobody can have put another there in advance. */
function temporaryName(name: string): string {
  return `.${name}.${randomBytes(12).toString("hex")}.tmp`;
}

/**
 * The name of the file that `name` is a temporary of; null when it is none. A temporary is dead as
 * soon as its target has been created, by whomever; its writer takes its removal for just that.
 */
export function temporaryTarget(name: string): string | null {
  return /^\.(.+)\.[0-9a-f]{24}\.tmp$/.exec(name)?.[1] ?? null;
}

async function place(
  temporary: string,
  path: string,
  content: string,
  unless: () => Promise<boolean>,
  io: FileIo,
): Promise<"created" | "exists"> {
  try {
    await write(temporary, path, content, io);
    return (await unless()) ? "exists" : await link(temporary, path, io);
  } finally {
    // After a link this is a second name for the file, else nobody's. Whoever is killed before leaves it.
    await io.unlink(temporary).catch(() => undefined);
  }
}

async function write(temporary: string, path: string, content: string, io: FileIo): Promise<void> {
  try {
    const file = await io.open(temporary, "wx", 0o600);
    try {
      await file.writeFile(content);
      // A failed fsync may have dropped the pages, and a second would succeed without them: never repeat it.
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw accessError(error, `write ${path}`, parentAccess(path));
  }
}

async function link(temporary: string, path: string, io: FileIo): Promise<"created" | "exists"> {
  try {
    await io.link(temporary, path);
    return "created";
  } catch (error) {
    const code = codeOf(error) ?? "";
    // ENOENT: the temporary was removed, which is done once its target has been created.
    if (code === "EEXIST" || code === "ENOENT") return "exists";
    if (NO_LINKS.has(code)) throw linksMissing(error, path);
    if (REFUSED.has(code)) throw accessError(error, `create ${path}`, parentAccess(path));
    throw unknown(error, path, "it may be there or not");
  }
}

/** What link(2) answers where there are no hard links. EPERM is not a matter of modes: the temporary could be made. */
const NO_LINKS: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]);

/** Answers after which the link is certain not to exist. Any other, such as EIO, leaves it open. */
const REFUSED: ReadonlySet<string> = new Set(["EACCES", "EROFS", "ENOSPC", "EDQUOT", "ENOTDIR", "EXDEV"]);

async function makeDurable(folder: OpenFile | null, path: string): Promise<void> {
  await folder?.sync().catch((error: unknown) => {
    throw unknown(error, path, "it may not survive a power cut");
  });
}

function linksMissing(error: unknown, path: string): KeyturnError {
  return new KeyturnError("store_unavailable", `The file system of ${dirname(path)} has no hard links.`, {
    fix: "Use a folder on a local Linux, macOS or Windows file system (ext4, XFS, Btrfs, ZFS, APFS, NTFS).",
    cause: error,
  });
}

function unknown(error: unknown, path: string, doubt: string): KeyturnError {
  const what = `The disk failed while ${path} was created (${codeOf(error) ?? String(error)}): ${doubt}.`;
  return new KeyturnError("commit_unknown", what, {
    fix: "Read it again before deciding anything, and look at the disk (dmesg).",
    cause: error,
  });
}
