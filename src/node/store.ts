/** Where a configured node keeps the ring and the API tokens. The one place that knows the kinds of store. */
import { awsOptionsFor } from "../aws/options.ts";
import { bearing } from "../store/borne.ts";
import { fileStore } from "../store/file.ts";
import { secretsManagerStore } from "../store/secrets-manager/index.ts";
import type { RingStore } from "../store/store.ts";
import { apiTokensFolder } from "./api-tokens.ts";
import { type Config, ringFolder } from "./config.ts";

export type Kept = "ring" | "api-tokens";

export type StoreSettings = Pick<
  Config,
  "store" | "folder" | "secretId" | "apiTokensSecretId" | "awsRegion" | "awsEndpoint" | "writesEverySeconds"
>;

export function storeOf(config: StoreSettings, which: Kept): RingStore {
  return bearing(barelyStoreOf(config, which), config.writesEverySeconds);
}

function barelyStoreOf(config: StoreSettings, which: Kept): RingStore {
  const secretId = which === "ring" ? config.secretId : config.apiTokensSecretId;
  if (secretId === null || config.store === "file")
    return fileStore(which === "ring" ? ringFolder(config) : apiTokensFolder(config));
  return secretsManagerStore({ secretId, ...awsOptionsFor(secretId, config) });
}

/** As people are told. */
export function placeOf(config: Config): string {
  return config.secretId === null ? ringFolder(config) : storeOf(config, "ring").description;
}
