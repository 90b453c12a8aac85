/** The calls that the store makes, and which of them are made again. */
import type {
  CreateSecretCommandInput,
  PutSecretValueCommandInput,
  UpdateSecretVersionStageCommandInput,
} from "@aws-sdk/client-secrets-manager";
import type { Send } from "../../aws/ask.ts";
import type { SecretCall } from "../../aws/secret-refusals.ts";
import type { SecretsManager } from "../../aws/secrets-manager.ts";
import { triesOf } from "../../aws/tries.ts";
import type { Clock } from "../../clock.ts";
import { type Failure, ringTelling } from "./refusals.ts";
import { type SecretState, secretState } from "./versions.ts";

export interface CallsOptions {
  /** @throws KeyturnError `config_invalid` */
  readonly aws: () => Promise<SecretsManager>;
  readonly secretId: string;
  /** For people: region or endpoint. */
  readonly where: string;
  readonly clock: Pick<Clock, "monotonic">;
  /** In [0, 1). */
  readonly random: () => number;
}

/** What a version holds: text, or null where it is bytes. */
export interface VersionValue {
  readonly text: string | null;
}

/** Of a write. */
export type Written = "done" | Failure;

/** All calls of one load or one replace, which share its time. */
export interface Calls {
  /** null: there is no such secret. @throws KeyturnError */
  describe(): Promise<SecretState | null>;
  /** null: there is no such version. @throws KeyturnError */
  value(versionId: string): Promise<VersionValue | null>;
  create(input: Omit<CreateSecretCommandInput, "Name">): Promise<Written>;
  put(input: PutSecretValueCommandInput): Promise<Written>;
  moveLabel(input: UpdateSecretVersionStageCommandInput): Promise<Written>;
  /** Waits before another try; false when there is to be none. @param failures in a row, at least 1 */
  mayTryAgain(failures: number): Promise<boolean>;
}

/** @returns what begins a load or a replace that has so many seconds. */
export function secretCalls(options: CallsOptions): (seconds: number) => Calls {
  const { aws, secretId, where, clock, random } = options;
  const beginTries = triesOf<SecretsManager, SecretCall>({ aws, ...ringTelling, clock, random });
  let kmsKey: string | null = null;

  function begin(seconds: number): Calls {
    const tries = beginTries(seconds);
    const callOf = (operation: string): SecretCall => ({ operation, secretId, where, kmsKey });

    async function read<T>(operation: string, send: Send<SecretsManager, T>): Promise<T | null> {
      const outcome = await tries.ask(callOf(operation), send, ({ passing }) => passing);
      if ("answer" in outcome) return outcome.answer;
      if (outcome.failure.name === "ResourceNotFoundException") return null;
      throw outcome.failure.error;
    }

    /** Repeated here only where the first was certainly not carried out; of the others the labels tell. */
    async function write(operation: string, send: Send<SecretsManager, unknown>): Promise<Written> {
      const outcome = await tries.ask(callOf(operation), send, ({ passing, inDoubt }) => passing && !inDoubt);
      return "answer" in outcome ? "done" : outcome.failure;
    }

    return {
      async describe() {
        const operation = "DescribeSecret";
        const answer = await read(operation, ({ sdk, client }, options) =>
          client.send(new sdk.DescribeSecretCommand({ SecretId: secretId }), options),
        );
        if (answer === null) return null;
        const state = secretState(answer);
        if (state === null) throw ringTelling.notUnderstood(callOf(operation));
        kmsKey = state.kmsKey;
        return state;
      },
      async value(versionId) {
        const answer = await read("GetSecretValue", ({ sdk, client }, options) =>
          client.send(new sdk.GetSecretValueCommand({ SecretId: secretId, VersionId: versionId }), options),
        );
        return answer === null ? null : { text: answer.SecretString ?? null };
      },
      create: (input) =>
        write("CreateSecret", ({ sdk, client }, options) =>
          client.send(new sdk.CreateSecretCommand({ ...input, Name: secretId }), options),
        ),
      put: (input) =>
        write("PutSecretValue", ({ sdk, client }, options) =>
          client.send(new sdk.PutSecretValueCommand(input), options),
        ),
      moveLabel: (input) =>
        write("UpdateSecretVersionStage", ({ sdk, client }, options) =>
          client.send(new sdk.UpdateSecretVersionStageCommand(input), options),
        ),
      mayTryAgain: tries.mayTryAgain,
    };
  }

  return begin;
}
