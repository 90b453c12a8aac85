/** How far a sink elsewhere has acknowledged, kept in a small file beside the audit log. */
import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Anchor } from "../../manager/snapshot.ts";
import { accessError, codeOf, makeFolder, parentAccess } from "../../store/file-access.ts";

/** Where the position of the sink at `auditUrl` is kept. */
export function auditPositionFile({ folder }: { readonly folder: string }): string {
  return join(folder, "audit-url.position");
}

/**
 * The position in the file; null where there is none, or none that can be read. Losing it costs
 * nothing but records sent twice, so it is no error.
 *
 * @throws KeyturnError `store_permission`, `store_unavailable`
 */
export async function readPosition(path: string): Promise<Anchor | null> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return "";
    throw accessError(error, `read ${path}`, "mode 0600, owned by this user");
  });
  const position = jsonOf(text) as Partial<Anchor> | null;
  const { ring, generation, hash } = position ?? {};
  const isWhole = typeof ring === "string" && Number.isSafeInteger(generation) && typeof hash === "string";
  return isWhole ? { ring, generation: generation as number, hash } : null;
}

/** Renamed into place, so that nobody reads half of one. @throws KeyturnError `store_permission`, `store_full`, `store_unavailable` */
export async function writePosition(path: string, { ring, generation, hash }: Anchor): Promise<void> {
  await makeFolder(dirname(path));
  const draft = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(draft, "w", 0o600);
    try {
      await file.writeFile(`${JSON.stringify({ ring, generation, hash })}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw accessError(error, `write ${path}`, parentAccess(path));
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
