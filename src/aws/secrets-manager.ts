/** The client of Secrets Manager, for whatever lies in a secret. */
import type { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { loadedOnce, sdkMissing } from "./load-sdk.ts";
import { type AwsOptions, clientSettings } from "./options.ts";

export const SECRETS_MANAGER = "AWS Secrets Manager";

/** The SDK once it is loaded, and a client that makes every request once. */
export interface SecretsManager {
  readonly sdk: typeof import("@aws-sdk/client-secrets-manager");
  readonly client: SecretsManagerClient;
}

/** @returns what loads it at the first call. @throws KeyturnError `config_invalid`, from there */
export function secretsManagerOf(options: AwsOptions): () => Promise<SecretsManager> {
  return loadedOnce(async () => {
    const sdk = await import("@aws-sdk/client-secrets-manager").catch((cause: unknown) => {
      throw sdkMissing(SECRETS_MANAGER, "@aws-sdk/client-secrets-manager", cause);
    });
    return { sdk, client: new sdk.SecretsManagerClient(clientSettings(options)) };
  });
}
