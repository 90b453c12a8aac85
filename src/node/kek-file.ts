/** Secrets in files that only their owner can read; and a KEK that is kept in one. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { KekPlace } from "../kek/source.ts";
import { createFileOnce } from "../store/create-file.ts";
import { accessError, assertPrivate, makeFolder } from "../store/file-access.ts";

/**
 * White space around it removed; null where there is no file.
 *
 * @throws KeyturnError `store_permission`, `store_unavailable`
 */
export async function readSecretFile(file: string | null): Promise<string | null> {
  if (file === null || !existsSync(file)) return null;
  await assertPrivate(file);
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw accessError(error, `read ${file}`, `chmod 0600 ${file}`);
  });
  return text.trim();
}

/** The KEK in a file of its own, which is created once and never changed. */
export function kekFile(file: string): KekPlace {
  return {
    description: file,
    async read() {
      const kek = await readSecretFile(file);
      return kek === null ? null : { kek, previousKek: null };
    },
    async put(make) {
      if (existsSync(file)) return false;
      await makeFolder(dirname(file));
      return (await createFileOnce(file, `${await make()}\n`)) === "created";
    },
  };
}
