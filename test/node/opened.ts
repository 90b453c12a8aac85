/** A configured ring and its API tokens, opened as a command opens them. */
import { readFile } from "node:fs/promises";
import type { ApiTokens } from "../../src/api-tokens/api-tokens.ts";
import type { Config } from "../../src/node/config.ts";
import { type OpenedRing, openConfigured } from "../../src/node/open.ts";

export function opened(config: Config, environment = {}, create = false): Promise<OpenedRing> {
  return openConfigured(config, { create, runs: "command", environment, onEvent: () => {} });
}

export async function openedTokens(config: Config, environment = {}): Promise<ApiTokens> {
  return (await opened(config, environment)).apiTokens();
}

/** Makes what `init` would make and is not there; the value of the first API token. */
export async function firstToken(config: Config): Promise<string> {
  const { trail } = await opened(config, {}, true);
  await trail.settled();
  return (await readFile(config.apiTokenFile, "utf8")).trim();
}
