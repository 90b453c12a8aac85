/** The KMS key of a secret: whoever uses the secret must be allowed the key, and the key must work. */
import type { Kms } from "./kms.ts";
import { mayDo, type Principal } from "./principals.ts";
import { Refusal } from "./refusal.ts";

/** Everybody in the account may use it. */
const ACCOUNT_KEY = "alias/aws/secretsmanager";

/** Of the customer's own key, as it was asked for: "encrypted with the managed key, this field is omitted". */
export function customerKey(kmsKeyId: string | undefined): string | undefined {
  return kmsKeyId === "" || kmsKeyId === ACCOUNT_KEY ? undefined : kmsKeyId;
}

/** The ARN of the customer's key that encrypts; null for the account's own. */
export function encryptingKey(
  kms: Kms,
  principal: Principal,
  kmsKeyId: string | undefined,
  secretName: string,
): string | null {
  if (kmsKeyId === undefined) return null;
  const key = kms.find(kmsKeyId);
  for (const action of ["kms:GenerateDataKey", "kms:Decrypt"])
    if (!mayDo(principal, action, key?.arn ?? kmsKeyId)) throw noAccess();
  if (key?.state === "Enabled") return key.arn;
  throw new Refusal(
    "EncryptionFailure",
    `Secrets Manager can't encrypt the protected secret text of ${secretName} using the provided KMS key ${kmsKeyId}. Check that the KMS key is available, enabled, and not in an invalid state.`,
  );
}

export function assertDecrypts(kms: Kms, principal: Principal, keyArn: string | null): void {
  if (keyArn === null) return;
  if (!mayDo(principal, "kms:Decrypt", keyArn)) throw noAccess();
  if (kms.find(keyArn)?.state === "Enabled") return;
  throw new Refusal(
    "DecryptionFailure",
    `Secrets Manager can't decrypt the protected secret text using the provided KMS key ${keyArn}.`,
  );
}

/** The real service names neither the key nor the action. */
function noAccess(): Refusal {
  return new Refusal("AccessDeniedException", "Access to KMS is not allowed");
}
