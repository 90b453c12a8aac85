/** The client of KMS, and what its failures mean for a KEK. */
import type { KMSClient } from "@aws-sdk/client-kms";
import { loadedOnce, sdkMissing } from "../aws/load-sdk.ts";
import { type AwsOptions, clientSettings } from "../aws/options.ts";
import { type AwsCall, type Refusal, type Telling, tellingOf } from "../aws/refusals.ts";

export const KMS = "AWS KMS";

/** The SDK once it is loaded, and a client that makes every request once. */
export interface Kms {
  readonly sdk: typeof import("@aws-sdk/client-kms");
  readonly client: KMSClient;
}

export interface KmsCall extends AwsCall {
  /** The key, as it was configured. */
  readonly keyId: string;
  /** Where the wrapped KEK is kept. */
  readonly place: string;
  /** Of the encryption context. */
  readonly ring: string;
}

/** @returns what loads it at the first call. @throws KeyturnError `config_invalid`, from there */
export function kmsOf(options: AwsOptions): () => Promise<Kms> {
  return loadedOnce(async () => {
    const sdk = await import("@aws-sdk/client-kms").catch((cause: unknown) => {
      throw sdkMissing(KMS, "@aws-sdk/client-kms", cause);
    });
    return { sdk, client: new sdk.KMSClient(clientSettings(options)) };
  });
}

/** Definite: nothing was carried out. */
const REFUSALS: readonly Refusal<KmsCall>[] = [
  {
    applies: ({ name }) => name === "InvalidCiphertextException",
    code: "kek_invalid",
    says: ({ place, ring }) =>
      `The KEK in ${place} was wrapped for another ring than ${ring}, or is damaged.`,
    fix: () =>
      "Check the place, and that the issuer is the one that it was wrapped for: both are in the encryption context.",
  },
  {
    applies: ({ name }) => name === "IncorrectKeyException",
    code: "kek_invalid",
    says: ({ place, keyId }) => `The KEK in ${place} was wrapped by another KMS key than ${keyId}.`,
    fix: () => "Name the KMS key that wrapped it, or wrap it anew with `aws kms re-encrypt`.",
  },
  {
    applies: ({ name }) => /^(DisabledException|KMSInvalidStateException)$/.test(name),
    code: "store_unavailable",
    says: ({ keyId }) => `The KMS key ${keyId} cannot be used: it is disabled, or about to be deleted.`,
    fix: ({ keyId }) => `Look at it with \`aws kms describe-key --key-id ${keyId}\`, and enable it.`,
  },
  {
    applies: ({ name }) => /^(NotFoundException|InvalidArnException)$/.test(name),
    code: "store_unavailable",
    says: ({ keyId, where }) => `There is no KMS key ${keyId} (${where}).`,
    fix: () => "Check its id, account and region: every region has keys of its own.",
  },
  {
    applies: ({ name }) => name === "InvalidKeyUsageException",
    code: "config_invalid",
    says: ({ keyId }) => `The KMS key ${keyId} is not for encrypting and decrypting.`,
    fix: () => "Name a symmetric encryption key (SYMMETRIC_DEFAULT).",
  },
];

/** How the failures of KMS are told. */
export const kmsTelling: Telling<KmsCall> = tellingOf<KmsCall>({
  name: KMS,
  iam: "kms",
  thing: "key",
  idOf: ({ keyId }) => keyId,
  refusals: REFUSALS,
});
