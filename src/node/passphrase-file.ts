/** The passphrase of a sealed key, from a file that only its owner can read. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { KeyturnError } from "../errors.ts";
import { accessError, assertPrivate } from "../store/file-access.ts";

/** The file's text without the line feed that ends it. @throws KeyturnError `passphrase_invalid`, `store_permission`, `store_unavailable` */
export async function readPassphrase(path: string): Promise<string> {
  if (!existsSync(path)) {
    // Not shown: where a passphrase is given in place of a path, this would print it.
    throw new KeyturnError("passphrase_invalid", "There is no file where --passphrase-file points.", {
      fix: "Name a file that holds the passphrase; the passphrase itself does not belong on the command line.",
    });
  }
  await assertPrivate(path);
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw accessError(error, `read ${path}`, `chmod 0600 ${path}`);
  });
  return text.replace(/\r?\n$/, "");
}
