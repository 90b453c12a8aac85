/** What DescribeSecret says about a secret: which version is the ring, and which was. */
import type { DescribeSecretCommandOutput } from "@aws-sdk/client-secrets-manager";
import { regionOf } from "../../aws/secret-id.ts";
import { KeyturnError } from "../../errors.ts";

export interface SecretState {
  readonly arn: string;
  /** The version that is the ring; null when none was ever made, as Terraform leaves a secret. */
  readonly current: string | null;
  /** The one that was the ring before it. */
  readonly previous: string | null;
  /** When anything about the secret last changed, in epoch seconds: not before `current` became the ring. */
  readonly changedAt: number | null;
  readonly deletedAt: Date | null;
  /** Where the secret can be written; null where that is here. */
  readonly writableIn: string | null;
  /** null: the account's own `aws/secretsmanager`. */
  readonly kmsKey: string | null;
}

/** @returns null when it is no answer of Secrets Manager's. */
export function secretState(answer: DescribeSecretCommandOutput): SecretState | null {
  const { ARN: arn, VersionIdsToStages, LastChangedDate, DeletedDate, PrimaryRegion, KmsKeyId } = answer;
  if (arn === undefined) return null;
  const labelled = Object.entries(VersionIdsToStages ?? {});
  const holderOf = (label: string) => labelled.find(([, labels]) => labels.includes(label))?.[0] ?? null;
  return {
    arn,
    current: holderOf("AWSCURRENT"),
    previous: holderOf("AWSPREVIOUS"),
    changedAt: LastChangedDate === undefined ? null : LastChangedDate.getTime() / 1000,
    deletedAt: DeletedDate ?? null,
    writableIn: PrimaryRegion === undefined || PrimaryRegion === regionOf(arn) ? null : PrimaryRegion,
    kmsKey: KmsKeyId ?? null,
  };
}

/**
 * `committed` also when others have committed on it since. `beaten`: another version took the base's place, be
 * it one that a person put there. `unclear`: so much happened that the labels forgot.
 */
export type Fate = "committed" | "open" | "beaten" | "unclear";

/** What became of `successor`, which was to follow `base`. Each move of AWSCURRENT leaves AWSPREVIOUS behind. */
export function fateOf(successor: string, base: string | null, state: SecretState | null): Fate {
  const { current, previous } = state ?? { current: null, previous: null };
  if (current === successor || previous === successor) return "committed";
  if (current === base) return "open";
  // Whatever followed `base` is the ring now, and is not this one.
  return state !== null && previous === base ? "beaten" : "unclear";
}

/** @throws KeyturnError `store_unavailable` */
export function assertNotDeleted(state: SecretState, id: string): void {
  if (state.deletedAt === null) return;
  throw new KeyturnError(
    "store_unavailable",
    `The secret ${id} is scheduled for deletion (${state.deletedAt.toISOString().slice(0, 10)}).`,
    { fix: `Restore it before that date: aws secretsmanager restore-secret --secret-id ${state.arn}` },
  );
}

/** @throws KeyturnError `store_permission` */
export function assertWritable(state: SecretState, id: string): void {
  if (state.writableIn === null) return;
  throw new KeyturnError(
    "store_permission",
    `The secret ${id} is a replica in ${regionOf(state.arn)} and can only be read there.`,
    { fix: `Let nodes that write use its primary region: ${state.writableIn}.` },
  );
}
