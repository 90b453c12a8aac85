/** What a secret says of itself that keyturn cannot see to: who else changes it, and how long it is there. */
import type {
  DescribeSecretCommandOutput,
  ListSecretVersionIdsCommandOutput,
} from "@aws-sdk/client-secrets-manager";
import { secretState } from "../../store/secrets-manager/versions.ts";
import { type Fault, type Finding, failing, finding, warning } from "./finding.ts";

export interface DescribedSecret {
  readonly id: string;
  readonly described: DescribeSecretCommandOutput;
}

export function checkSecrets(secrets: readonly DescribedSecret[]): Finding {
  return finding("secrets", secrets.flatMap(faultsOf), "Nobody else changes the secrets, and they stay.");
}

function faultsOf({ id, described }: DescribedSecret): Fault[] {
  const state = secretState(described);
  const { RotationEnabled, OwningService } = described;
  return [
    ...(RotationEnabled === true
      ? [
          failing(
            `Rotation is turned on for the secret ${id}: somebody else's function would write over it.`,
            `Turn it off: aws secretsmanager cancel-rotate-secret --secret-id ${id}`,
          ),
        ]
      : []),
    ...(OwningService === undefined
      ? []
      : [
          failing(
            `The secret ${id} belongs to another service, which changes it.`,
            "Keep the ring in another one.",
          ),
        ]),
    ...(state === null || state.deletedAt === null
      ? []
      : [
          failing(
            `The secret ${id} is scheduled for deletion (${state.deletedAt.toISOString().slice(0, 10)}).`,
            `Restore it: aws secretsmanager restore-secret --secret-id ${id}`,
          ),
        ]),
    ...(described.ReplicationStatus ?? [])
      .filter(({ Status }) => Status !== "InSync")
      .map(({ Region, Status }) =>
        warning(
          `The replica of the secret ${id} in ${Region} is not in step: ${Status}. Its signers keep the old keys.`,
          `Look why with \`aws secretsmanager describe-secret --secret-id ${id}\`, then remove the replica and make it anew.`,
        ),
      ),
    ...(state === null || state.writableIn === null
      ? []
      : [
          warning(
            `The secret ${id} is a replica: here it can only be read.`,
            `Let nodes that take steps use its primary region, ${state.writableIn}; here set steps to off.`,
          ),
        ]),
  ];
}

/** About 100 are kept, and none younger than a day is removed: beyond that nothing can be written. */
const VERSIONS_MAX = 100;

/** A day's worth of an emergency and of turnovers must still fit. */
const VERSIONS_MANY = 80;

const DAY_SECONDS = 86_400;

export interface ListedSecret {
  readonly id: string;
  readonly listed: ListSecretVersionIdsCommandOutput;
}

/** @param now by the service's clock, or near enough for a day. */
export function checkVersions(secrets: readonly ListedSecret[], now: number): Finding {
  const faults = secrets.flatMap(({ id, listed: { Versions = [], NextToken } }) => {
    const young = Versions.filter(({ CreatedDate }) => {
      const createdAt = (CreatedDate?.getTime() ?? 0) / 1000;
      return createdAt > now - DAY_SECONDS;
    });
    if (young.length < VERSIONS_MANY) return [];
    const count = NextToken === undefined ? String(young.length) : `more than ${young.length}`;
    return [
      warning(
        `The secret ${id} got ${count} versions within a day; at about ${VERSIONS_MAX} it takes no more.`,
        "Find out what commits so often: a policy that is too fast, or clients that renew API tokens too often.",
      ),
    ];
  });
  return finding("versions", faults, "The secrets have room for more versions.");
}
