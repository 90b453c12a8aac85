/** The calls that a KEK in a secret takes: as few, and as few permissions, as can be. */
import type { Send } from "../aws/ask.ts";
import type { Failure } from "../aws/refusals.ts";
import { type SecretCall, secretTelling } from "../aws/secret-refusals.ts";
import type { SecretsManager } from "../aws/secrets-manager.ts";
import { triesOf } from "../aws/tries.ts";
import type { Clock } from "../clock.ts";

export interface KekCallsOptions {
  /** @throws KeyturnError `config_invalid` */
  readonly aws: () => Promise<SecretsManager>;
  readonly secretId: string;
  /** For people: region or endpoint. */
  readonly where: string;
  readonly clock: Pick<Clock, "monotonic">;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface KekVersion {
  readonly versionId: string;
  /** White space around it removed; null where it is bytes. */
  readonly text: string | null;
}

/** Of a write. */
export type Written = "done" | Failure;

/** All calls of one read or one creation, which share its time. */
export interface KekCalls {
  /** null: no version has this label, or there is no such secret. @throws KeyturnError */
  valueOf(label: "AWSCURRENT" | "AWSPREVIOUS"): Promise<KekVersion | null>;
  create(versionId: string, text: string): Promise<Written>;
  /** Makes it AWSCURRENT only where there is no version yet. */
  put(versionId: string, text: string): Promise<Written>;
  /** Waits before another try; false when there is to be none. @param failures in a row, at least 1 */
  mayTryAgain(failures: number): Promise<boolean>;
}

const DESCRIPTION = "The key-encryption key of a keyturn ring. Without it the ring cannot be opened.";

/**
 * A first version becomes AWSCURRENT whatever its labels (the API reference of PutSecretValue). Any other
 * does not with this one, so a KEK that someone puts there in the same moment stays the KEK.
 */
const FIRST = "keyturn_first";

const telling = secretTelling();

/** @returns what begins a read or a creation that has so many seconds. */
export function kekCalls(options: KekCallsOptions): (seconds: number) => KekCalls {
  const { secretId, where } = options;
  const begin = triesOf<SecretsManager, SecretCall>({ ...options, ...telling });
  const callOf = (operation: string): SecretCall => ({ operation, secretId, where, kmsKey: undefined });

  return (seconds) => {
    const tries = begin(seconds);

    /** The very same value under the very same id may be written any number of times. */
    async function write(operation: string, send: Send<SecretsManager, unknown>): Promise<Written> {
      const outcome = await tries.ask(callOf(operation), send, ({ passing }) => passing);
      return "answer" in outcome ? "done" : outcome.failure;
    }

    return {
      async valueOf(label) {
        const call = callOf("GetSecretValue");
        const outcome = await tries.ask(
          call,
          ({ sdk, client }, options) =>
            client.send(new sdk.GetSecretValueCommand({ SecretId: secretId, VersionStage: label }), options),
          ({ passing }) => passing,
        );
        if ("failure" in outcome) {
          if (outcome.failure.name === "ResourceNotFoundException") return null;
          throw outcome.failure.error;
        }
        const { VersionId, SecretString } = outcome.answer;
        if (VersionId === undefined) throw telling.notUnderstood(call);
        return { versionId: VersionId, text: SecretString?.trim() ?? null };
      },
      create: (versionId, text) =>
        write("CreateSecret", ({ sdk, client }, options) =>
          client.send(
            new sdk.CreateSecretCommand({
              Name: secretId,
              ClientRequestToken: versionId,
              SecretString: text,
              Description: DESCRIPTION,
            }),
            options,
          ),
        ),
      put: (versionId, text) =>
        write("PutSecretValue", ({ sdk, client }, options) =>
          client.send(
            new sdk.PutSecretValueCommand({
              SecretId: secretId,
              ClientRequestToken: versionId,
              SecretString: text,
              VersionStages: [FIRST],
            }),
            options,
          ),
        ),
      mayTryAgain: tries.mayTryAgain,
    };
  };
}
