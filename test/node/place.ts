/** A folder of a test's own, with the files that it starts with, and a configuration that lives in it. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { type Config, readConfig } from "../../src/node/config.ts";

const made: string[] = [];

afterEach(async () => {
  await Promise.all(made.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
});

/** The path of a new folder, gone when the test ends. Files are for their owner alone, whatever the umask. */
export async function newPlace(files: Readonly<Record<string, string | Uint8Array>> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "keyturn-"));
  made.push(folder);
  for (const [name, content] of Object.entries(files)) await put(join(folder, name), content);
  return folder;
}

export async function put(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  await writeFile(path, content);
  await chmod(path, mode);
}

/** As a node in that folder has it, with nothing but these flags. */
export function configIn(folder: string, flags: Readonly<Record<string, string>> = {}): Promise<Config> {
  return readConfig(
    { folder: join(folder, ".keyturn"), listen: "127.0.0.1:0", logLevel: "error", ...flags },
    {},
  );
}
