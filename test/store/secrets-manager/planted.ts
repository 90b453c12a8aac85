/** What a node leaves half done: the successor of the ring, a version that nobody points to yet. */
import { successorId } from "../../../src/store/secrets-manager/tokens.ts";
import type { Bench } from "./bench.ts";

/** @param attempt above 0 where the ones before stand in the way. */
export async function plant(
  { aws, secretId }: Pick<Bench, "aws" | "secretId">,
  document: string,
  attempt = 0,
): Promise<void> {
  const secret = aws.secret(secretId);
  if (secret === null) throw new Error("There is no secret to follow.");
  aws.arrange("PutSecretValue", {
    SecretId: secretId,
    ClientRequestToken: await successorId(secret.arn, secret.labels["AWSCURRENT"] ?? null, attempt),
    SecretString: document,
    VersionStages: ["keyturn_next"],
  });
}
