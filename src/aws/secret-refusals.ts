/** What only Secrets Manager says, whatever lies in the secret. */
import { KeyturnError } from "../errors.ts";
import { type AwsCall, type Refusal, type Service, type Telling, tellingOf } from "./refusals.ts";
import { SECRETS_MANAGER } from "./secrets-manager.ts";

export interface SecretCall extends AwsCall {
  /** The secret, as it was configured. */
  readonly secretId: string;
  /** Its KMS key; null: the account's own; undefined where nobody has asked. */
  readonly kmsKey: string | null | undefined;
}

const REFUSALS: readonly Refusal<SecretCall>[] = [
  {
    applies: ({ name, message }) => name === "AccessDeniedException" && /kms/i.test(message),
    code: "store_permission",
    says: (call) => `The credentials may not use the KMS key of the secret ${call.secretId}: ${keyOf(call)}.`,
    fix: (call) => `Allow kms:Decrypt, and for writing kms:GenerateDataKey, on ${keyOf(call)}.`,
  },
  {
    applies: ({ name }) => /^(DecryptionFailure|EncryptionFailure|KMS.*|DisabledException)$/.test(name),
    code: "store_unavailable",
    says: (call) =>
      `The KMS key of the secret ${call.secretId} cannot be used: ${keyOf(call)} is disabled, deleted or not there.`,
    fix: ({ kmsKey }) =>
      `Look at it with \`aws kms describe-key${kmsKey == null ? "" : ` --key-id ${kmsKey}`}\`, and enable it.`,
  },
  {
    applies: ({ name, message }) => name === "InvalidRequestException" && /delet/i.test(message),
    code: "store_unavailable",
    says: ({ secretId }) => `The secret ${secretId} is scheduled for deletion.`,
    fix: ({ secretId }) => `Restore it: aws secretsmanager restore-secret --secret-id ${secretId}`,
  },
  {
    applies: ({ name }) => name === "ResourceNotFoundException",
    code: "store_unavailable",
    says: ({ secretId, where }) => `There is no longer a secret ${secretId} (${where}).`,
    fix: () => "Check the region, and whether it was deleted.",
  },
];

/** @param own What a refusal means for what lies in the secret; asked first. */
export function secretTelling(own: readonly Refusal<SecretCall>[] = []): Telling<SecretCall> {
  const service: Service<SecretCall> = {
    name: SECRETS_MANAGER,
    iam: "secretsmanager",
    thing: "secret",
    idOf: ({ secretId }) => secretId,
    refusals: [...own, ...REFUSALS],
  };
  return tellingOf(service);
}

export function noSuchArn(arn: string): KeyturnError {
  return new KeyturnError("store_unavailable", `There is no secret ${arn}, and an ARN cannot be chosen.`, {
    fix: "Create the secret first (without a value), or configure its name instead of an ARN.",
  });
}

/** Who may only read the value is not told its key. */
function keyOf({ kmsKey }: SecretCall): string {
  return kmsKey === undefined ? "the KmsKeyId that DescribeSecret shows" : (kmsKey ?? "aws/secretsmanager");
}
