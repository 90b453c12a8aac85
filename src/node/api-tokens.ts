/** API tokens as a configured node has them: in a folder beside the ring, under the ring's KEK. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ApiTokens } from "../api-tokens/api-tokens.ts";
import { KeyturnError } from "../errors.ts";
import { createFileOnce } from "../store/create-file.ts";
import { makeFolder } from "../store/file-access.ts";
import type { Settings } from "./settings.ts";

/** Where the file store keeps the generations of the book. */
export function apiTokensFolder({ folder }: Pick<Settings, "folder">): string {
  return join(folder, "api-tokens");
}

/** Under this name the first token stands in the book. */
const FIRST = "first";

/**
 * A token that may sign, where none has ever been issued and none was given, so that a new node can be tried
 * at once. It does not expire: what is made unasked must not stop by surprise.
 *
 * @returns the file that was made for it, if one was
 */
export async function createFirstToken(
  config: Pick<Settings, "apiTokenFile">,
  open: () => Promise<ApiTokens>,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string[]> {
  const { apiTokenFile } = config;
  if (environment["KEYTURN_API_TOKEN"] !== undefined || existsSync(apiTokenFile)) return [];
  const apiTokens = await open();
  // Where they cannot be read, nobody knows whether this would be the first.
  if (!apiTokens.status().canAuthenticate) return [];
  if (apiTokens.list().length > 0) return [];
  const { token, view } = await apiTokens.issue({
    name: FIRST,
    role: "signer",
    expiresInSeconds: null,
    by: "init",
  });
  await makeFolder(dirname(apiTokenFile));
  if ((await createFileOnce(apiTokenFile, `${token}\n`)) === "created") return [apiTokenFile];
  // Another node started at once and was faster: nobody would ever know this token.
  await apiTokens.revoke(view.id, { reason: "another first token was made at the same time", by: "init" });
  return [];
}

/** @throws KeyturnError `usage` when something is there already */
export function assertNoFile(path: string): void {
  if (existsSync(path)) throw fileExists(path);
}

/** Writes a token's value to a file of its owner alone. @throws KeyturnError `usage`, `store_permission` and the like */
export async function writeApiToken(path: string, token: string): Promise<void> {
  if ((await createFileOnce(path, `${token}\n`)) === "exists") throw fileExists(path);
}

function fileExists(path: string): KeyturnError {
  return new KeyturnError("usage", `${path} is there already, and keyturn writes over no file.`, {
    fix: "Name another file, or move that one away.",
  });
}
