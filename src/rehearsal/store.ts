/** Where a rehearsal keeps its ring: a folder of its own, or secrets of its own that go when it ends. */
import { type AwsOptions, inRegion, whereOf } from "../aws/options.ts";
import { apiTokensNameFor, parseSecretId, secretName } from "../aws/secret-id.ts";
import { type SecretCall, secretTelling } from "../aws/secret-refusals.ts";
import { type SecretsManager, secretsManagerOf } from "../aws/secrets-manager.ts";
import { triesOf } from "../aws/tries.ts";
import { systemChance } from "../chance.ts";
import { systemClock } from "../clock.ts";
import { isKeyturnError, KeyturnError } from "../errors.ts";

/** A deployment's secret, beside which it is to be played; never in it. */
export interface SecretToRehearse extends Pick<AwsOptions, "region" | "endpoint"> {
  readonly secretId: string;
}

export interface RehearsalStore {
  /** For people. */
  readonly description: string;
  /** For the server and for every command. */
  readonly settings: Readonly<Record<string, string | number>>;
  /** Makes sure that what will be made can be removed. @throws KeyturnError `rehearsal_failed`, before anything is made */
  assertRemovable(): Promise<void>;
  /** @throws KeyturnError `rehearsal_failed`, naming what is left */
  remove(): Promise<void>;
}

export const inFolder: RehearsalStore = {
  description: "a folder of its own on this machine",
  settings: {},
  assertRemovable: async () => {},
  remove: async () => {},
};

/** Longer than a name of anybody's is likely to end in, and no name that stays is made of it. */
const RANDOM_CHARACTERS = 8;

/** Each secret has so long, and the service answers within a tenth of a second. */
const DELETE_SECONDS = 9;

/** @throws KeyturnError `config_invalid` */
export function inSecrets(secret: SecretToRehearse, random: () => number = systemChance): RehearsalStore {
  const { region } = parseSecretId(secret.secretId, secret.region);
  const options = inRegion(secret, region);
  const name = `${secretName(secret.secretId)}-rehearsal-${randomName(random)}`;
  const names = [name, apiTokensNameFor(name)];
  // A name may have 512 characters, and this one has to have room for its ending.
  for (const each of names) parseSecretId(each, undefined);
  const begin = triesOf<SecretsManager, SecretCall>({
    aws: secretsManagerOf(options),
    ...secretTelling(),
    clock: systemClock,
    random: systemChance,
  });

  async function deleted(secretId: string): Promise<void> {
    const call = { operation: "DeleteSecret", where: whereOf(options), secretId, kmsKey: undefined };
    // Of a secret that is not there the service says nothing, so it can be asked at any time, and again.
    const outcome = await begin(DELETE_SECONDS).ask(
      call,
      ({ sdk, client }, request) =>
        client.send(
          new sdk.DeleteSecretCommand({ SecretId: secretId, ForceDeleteWithoutRecovery: true }),
          request,
        ),
      ({ passing }) => passing,
    );
    if ("failure" in outcome) throw outcome.failure.error;
  }

  return {
    description: `AWS Secrets Manager secret ${name} (${whereOf(options)})`,
    settings: {
      store: "aws-secrets-manager",
      secretId: name,
      ...(options.region === undefined ? {} : { awsRegion: options.region }),
      ...(options.endpoint === undefined ? {} : { awsEndpoint: options.endpoint }),
      // It lives for a minute, and makes fewer commits than a secret bears in a day.
      writesEverySeconds: 0,
    },
    async assertRemovable() {
      for (const each of names)
        await deleted(each).catch((error: unknown) => {
          throw told("A rehearsal could not clean up after itself, so it does not begin.", error);
        });
    },
    async remove() {
      const outcomes = await Promise.allSettled(names.map(deleted));
      const left = outcomes.flatMap((outcome, i) =>
        outcome.status === "rejected" ? [{ name: names[i] as string, error: outcome.reason as unknown }] : [],
      );
      const [first] = left;
      if (first === undefined) return;
      throw told(`These secrets are left: ${left.map((each) => each.name).join(", ")}.`, first.error);
    },
  };
}

function randomName(random: () => number): string {
  const characters = Array.from({ length: RANDOM_CHARACTERS }, () => Math.floor(random() * 36).toString(36));
  return characters.join("");
}

function told(what: string, cause: unknown): KeyturnError {
  if (!isKeyturnError(cause)) throw cause;
  return new KeyturnError("rehearsal_failed", `${what} ${cause.message}`, {
    fix:
      `${cause.fix} A rehearsal needs secretsmanager:CreateSecret, DescribeSecret, GetSecretValue, PutSecretValue, ` +
      "UpdateSecretVersionStage and DeleteSecret on secrets whose name goes on with -rehearsal-.",
    cause,
  });
}
