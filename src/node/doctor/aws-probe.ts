/**
 * What this node may do with a secret, found out by asking for each thing in a way that changes nothing:
 * reads are harmless, and each write is one that the service documents to refuse or to pass over. IAM is asked
 * before any of that, so whatever is answered but a denial means that it is allowed.
 */
import type {
  DescribeSecretCommandOutput,
  GetSecretValueCommandOutput,
  ListSecretVersionIdsCommandOutput,
  PutSecretValueCommandOutput,
  UpdateSecretVersionStageCommandOutput,
} from "@aws-sdk/client-secrets-manager";
import { ask, type Outcome, type Send } from "../../aws/ask.ts";
import { secretTelling } from "../../aws/secret-refusals.ts";
import type { SecretsManager } from "../../aws/secrets-manager.ts";

/** What came of a request. */
export type Asked<T> = Outcome<T>;

/** Null: it could not be asked for without changing something. */
export interface Probed {
  /** As it was configured. */
  readonly id: string;
  readonly described: Asked<DescribeSecretCommandOutput>;
  readonly got: Asked<GetSecretValueCommandOutput>;
  readonly put: Asked<PutSecretValueCommandOutput> | null;
  readonly moved: Asked<UpdateSecretVersionStageCommandOutput> | null;
  readonly listed: Asked<ListSecretVersionIdsCommandOutput>;
}

export interface Prober {
  readonly aws: SecretsManager;
  /** For people: region or endpoint. */
  readonly where: string;
}

/** A version id that no version has: ids of ours are hashes, and the service's own are random. */
const NO_VERSION = "00000000-0000-0000-0000-000000000000";

/** As the store asks for it: a policy may allow no other label. */
const NEXT = "keyturn_next";

/** A doctor's visit is no time to hang. */
const CALL_SECONDS_MAX = 5;

export async function probed(prober: Prober, id: string): Promise<Probed> {
  const { sdk } = prober.aws;
  const tried = askerOf(prober, id);
  const described = await tried("DescribeSecret", ({ client }, options) =>
    client.send(new sdk.DescribeSecretCommand({ SecretId: id }), options),
  );
  const got = await probedValue(prober, id);
  const { ARN = id, VersionId, SecretString } = "answer" in got ? got.answer : {};
  const isThere = "answer" in described || "answer" in got;
  return {
    id,
    described,
    got,
    // The very value of a version under its own id: "the operation succeeds but does nothing".
    // Of this very secret, should another be made under its name meanwhile.
    put:
      VersionId === undefined || SecretString === undefined
        ? null
        : await tried("PutSecretValue", ({ client }, options) => {
            const same = {
              SecretId: ARN,
              ClientRequestToken: VersionId,
              SecretString,
              VersionStages: [NEXT],
            };
            return client.send(new sdk.PutSecretValueCommand(same), options);
          }),
    // From a version that does not hold the label to one that is not there: refused for either reason.
    moved: isThere
      ? await tried("UpdateSecretVersionStage", ({ client }, options) => {
          const nowhere = { MoveToVersionId: NO_VERSION, RemoveFromVersionId: NO_VERSION };
          const move = { SecretId: id, VersionStage: "AWSCURRENT", ...nowhere };
          return client.send(new sdk.UpdateSecretVersionStageCommand(move), options);
        })
      : null,
    listed: await tried("ListSecretVersionIds", ({ client }, options) =>
      client.send(new sdk.ListSecretVersionIdsCommand({ SecretId: id, IncludeDeprecated: true }), options),
    ),
  };
}

/** Of a secret that is only read. */
export function probedValue(prober: Prober, id: string): Promise<Asked<GetSecretValueCommandOutput>> {
  const { sdk } = prober.aws;
  return askerOf(prober, id)("GetSecretValue", ({ client }, options) =>
    client.send(new sdk.GetSecretValueCommand({ SecretId: id }), options),
  );
}

function askerOf({ aws, where }: Prober, secretId: string) {
  const telling = secretTelling();
  return <T>(operation: string, send: Send<SecretsManager, T>): Promise<Asked<T>> => {
    const call = { operation, where, secretId, kmsKey: undefined };
    return ask(aws, telling, { call, seconds: CALL_SECONDS_MAX }, send);
  };
}
