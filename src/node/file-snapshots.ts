/** Snapshots of issuers' JWKS in files, so that a restart while an endpoint is down finds its keys. */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { SnapshotStore } from "../verifier/index.ts";

/**
 * For `createVerifier({ snapshots: fileSnapshots(folder) })`. One small file for each JWKS URL, for
 * any number of processes on one machine. Whoever may write the folder can name keys: it is made
 * for its owner alone.
 */
export function fileSnapshots(folder: string): SnapshotStore {
  // A URL may be longer than a file's name, and is nobody else's business.
  const pathOf = (key: string) =>
    join(folder, `${createHash("sha256").update(key).digest("base64url")}.json`);
  return {
    async load(key) {
      try {
        return await readFile(pathOf(key), "utf8");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
        throw error;
      }
    },
    async save(key, snapshot) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      // Renamed into place, so that nobody reads half of one.
      const place = await mkdtemp(join(folder, "draft-"));
      try {
        const draft = join(place, "snapshot");
        await writeFile(draft, snapshot, { mode: 0o600 });
        await rename(draft, pathOf(key));
      } finally {
        await rm(place, { recursive: true });
      }
    },
  };
}
