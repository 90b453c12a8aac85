/** The passphrase of a sealed key, from a file that only its owner can read. */
import { readFile } from "node:fs/promises";
import { accessError, assertPrivate } from "../store/file-access.ts";

/** The file's text without the line feed that ends it. @throws KeyturnError `store_permission`, `store_unavailable` */
export async function readPassphrase(path: string): Promise<string> {
  await assertPrivate(path);
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw accessError(error, `read ${path}`, `chmod 0600 ${path}`);
  });
  return text.replace(/\r?\n$/, "");
}
