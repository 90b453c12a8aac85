/** The repository as a fresh clone of it would be, so that what builds and runs there changes nothing here. */
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll } from "vitest";

const WHAT = ["package.json", "tsconfig.json", "tsconfig.build.json", "wrangler.toml", "src", "scripts"];

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** An empty folder that is gone after the tests. */
export function ownFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `keyturn-${name}-`));
  folders.push(folder);
  return folder;
}

/** After `npm ci`. */
export function cloned(): string {
  const clone = ownFolder("clone");
  for (const name of WHAT) cpSync(name, join(clone, name), { recursive: true });
  symlinkSync(resolve("node_modules"), join(clone, "node_modules"));
  return clone;
}
