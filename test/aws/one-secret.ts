/** One secret, and what is done to its versions and labels. */
import { PutSecretValueCommand, UpdateSecretVersionStageCommand } from "@aws-sdk/client-secrets-manager";
import { type Opened, opened, versionId } from "./opened.ts";

/** A secret `one` whose first version is AWSCURRENT. */
export async function started(now: () => number = () => 1_800_000_000): Promise<Opened> {
  const world = await opened({ now });
  world.aws.arrange("CreateSecret", { Name: "one", SecretString: "v1", ClientRequestToken: versionId(1) });
  return world;
}

export const put = ({ client }: Opened, number: number, SecretString: string, VersionStages?: string[]) =>
  client.send(
    new PutSecretValueCommand({
      SecretId: "one",
      ClientRequestToken: versionId(number),
      SecretString,
      VersionStages,
    }),
  );

export const move = ({ client }: Opened, VersionStage: string, to?: number, from?: number) =>
  client.send(
    new UpdateSecretVersionStageCommand({
      SecretId: "one",
      VersionStage,
      ...(to !== undefined && { MoveToVersionId: versionId(to) }),
      ...(from !== undefined && { RemoveFromVersionId: versionId(from) }),
    }),
  );

export const labels = ({ aws }: Opened) => aws.secret("one")?.labels;
