/** Temporary folders for rings, and what is to be seen in them. */
import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { fileStore } from "../../src/store/file.ts";

const made: string[] = [];

afterEach(async () => {
  await Promise.all(made.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
});

/** The path of a ring that is not there yet, in a folder that goes when the test ends. */
export async function newRingFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "keyturn-"));
  made.push(folder);
  return join(folder, "ring");
}

export function ringFile(number: number): string {
  return `ring.${String(number).padStart(10, "0")}.json`;
}

/** Puts ring files there as if they had been committed. */
export async function seed(
  folder: string,
  documents: Readonly<Record<number, string | Uint8Array>>,
): Promise<void> {
  for (const [number, document] of Object.entries(documents)) {
    const path = join(folder, ringFile(Number(number)));
    await writeFile(path, document, { mode: 0o600 });
    await chmod(path, 0o600);
  }
}

/** Commits `commit 1`, `commit 2` and so on, each named after its number. */
export async function commitMany(folder: string, times: number): Promise<void> {
  const store = fileStore(folder);
  for (let time = 0; time < times; time++) {
    const stored = await store.load();
    const number = Number(stored?.revision.split(".")[0] ?? 0) + 1;
    await store.replace(`commit ${number}`, stored?.revision ?? null);
  }
}

export async function filesIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).sort();
}

export async function temporariesIn(folder: string): Promise<string[]> {
  return (await filesIn(folder)).filter((name) => name.endsWith(".tmp"));
}
