/** An API token in a file of its owner's alone, so that a client's restart finds the latest. */
import { randomBytes } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { TokenStore } from "../client/index.ts";
import { KeyturnError } from "../errors.ts";
import {
  accessError,
  assertPrivate,
  codeOf,
  makeFolder,
  nodeFileIo,
  openFolder,
} from "../store/file-access.ts";

/**
 * For `createClient({ tokenStore: fileTokenStore(path) })`, and any number of processes on one machine.
 * The file holds the token and nothing else: the first one can be put there with
 * `keyturn api-token issue --out`. It must be readable by its owner alone (0600), and its folder
 * writable, because the file is replaced as a whole.
 *
 * The store's functions throw KeyturnError `store_permission`, `store_full`, `store_unavailable`.
 */
export function fileTokenStore(path: string): TokenStore {
  return {
    async load() {
      try {
        const text = await readFile(path, "utf8");
        await assertPrivate(path);
        return text.trim();
      } catch (error) {
        if (codeOf(error) === "ENOENT") return null;
        throw error instanceof KeyturnError
          ? error
          : accessError(error, `read ${path}`, `chmod 0600 ${path}`);
      }
    },
    async save(apiToken) {
      await makeFolder(dirname(path));
      const draft = join(dirname(path), `.${basename(path)}.${randomBytes(12).toString("hex")}.tmp`);
      try {
        await write(draft, `${apiToken}\n`);
        // Renamed into place, so that nobody reads half of one, and a power cut leaves the one or the other.
        await rename(draft, path);
        await keep(dirname(path));
      } catch (error) {
        await rm(draft, { force: true });
        throw accessError(error, `write ${path}`, `chmod 0700 ${dirname(path)}`);
      }
    },
  };
}

async function write(path: string, content: string): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function keep(folder: string): Promise<void> {
  const opened = await openFolder(folder, nodeFileIo);
  try {
    await opened?.sync();
  } finally {
    await opened?.close();
  }
}
