/** Stores on a service that stands in for AWS Secrets Manager. */
import {
  type SecretsManagerStoreOptions,
  secretsManagerStore,
} from "../../../src/store/secrets-manager/index.ts";
import type { RingStore } from "../../../src/store/store.ts";
import type { AwsService } from "../../aws/service.ts";

/** A hundred versions are kept, and all of the last 24 hours: more than one in 864 s and they are too many. */
export const BETWEEN_COMMITS_SECONDS = 900;

/** Labels that a secret has after any number of commits. */
export const LABELS_AT_REST = ["AWSCURRENT", "AWSPREVIOUS", "keyturn_next"];

export function openStore(
  aws: Pick<AwsService, "endpoint" | "region" | "principal">,
  options: Partial<SecretsManagerStoreOptions> & Pick<SecretsManagerStoreOptions, "secretId">,
): RingStore {
  return secretsManagerStore({
    endpoint: aws.endpoint,
    region: aws.region,
    credentials: aws.principal("node"),
    // No waiting between tries.
    random: () => 0,
    ...options,
  });
}

/** What `work` fails with; an Error of its own when it does not. */
export async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    (value) => new Error(`It did not fail: ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
}
