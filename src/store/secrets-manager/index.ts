/**
 * A ring in a secret of AWS Secrets Manager, any number of nodes, no lock.
 *
 * A revision is a version of the secret, and a version never changes. The ring is the version labelled
 * AWSCURRENT. To commit on a base is two calls: put a version under an id that everybody derives from the
 * base (tokens.ts), then move AWSCURRENT from the base to it, which the service refuses when the label is no
 * longer there. So it is a true compare-and-swap:
 *
 * - An id has one value for ever, so a base has one successor. Who comes second is told, helps the first one
 *   over the line in case it has died between its two calls, and loses.
 * - A request that arrives late can do no harm. A late put makes what is there already, or is refused, or
 *   makes a version that nobody points to; a late move finds the label gone from its base. The label comes
 *   back to a base only if a person puts it there; then the successor that was decided is the ring again.
 * - Every answer that is lost is looked up: AWSCURRENT and AWSPREVIOUS say what became of a successor.
 *
 * Two nodes that commit the same text on the same base make one version, and both are told so.
 */
import { type AwsOptions, assertSafeEndpoint, inRegion, whereOf } from "../../aws/options.ts";
import { parseSecretId } from "../../aws/secret-id.ts";
import { SECRETS_MANAGER, secretsManagerOf } from "../../aws/secrets-manager.ts";
import { systemChance } from "../../chance.ts";
import { type Clock, systemClock } from "../../clock.ts";
import { KeyturnError } from "../../errors.ts";
import { assertStorable } from "../document-limits.ts";
import { conflict } from "../memory.ts";
import type { Accepts, RingStore } from "../store.ts";
import { type Calls, secretCalls } from "./calls.ts";
import { type Commit, commitTo, commitToNewSecret } from "./commit.ts";
import { heldVersions } from "./held-versions.ts";
import { isNextGeneration } from "./successor.ts";
import { assertNotDeleted, assertWritable, type SecretState } from "./versions.ts";

/**
 * About 100 versions are kept, and none younger than a day is removed: one commit in 864 s is what a secret
 * bears in the long run. (The API reference says "once every 10 minutes", of which 144 fit into a day.)
 */
const WRITES_EVERY_SECONDS = 900;

/** Less than a guarded store grants, so that who waits hears the reason and not only that it was late. */
const LOAD_SECONDS = 4.5;
const REPLACE_SECONDS = 9;

/** Reads may lag behind writes by a moment. */
const LOOKS_MAX = 3;

export type { AwsCredentials } from "../../aws/options.ts";

export interface SecretsManagerStoreOptions extends AwsOptions {
  /** Name or whole ARN of the secret. By its name it is created at the first commit, if need be. */
  readonly secretId: string;
  /** For tests: measures deadlines. */
  readonly clock?: Pick<Clock, "monotonic">;
  /** For tests: spreads tries; in [0, 1). */
  readonly random?: () => number;
}

/**
 * Keeps the ring in a secret. Needs the package `@aws-sdk/client-secrets-manager`, which is loaded at the
 * first call, and `secretsmanager:` `DescribeSecret`, `GetSecretValue`, `PutSecretValue`,
 * `UpdateSecretVersionStage`; `CreateSecret` only where the secret is not there yet.
 *
 * @throws KeyturnError `config_invalid` when the options cannot be, or (from its methods) when the package
 *   is not installed or no region is set.
 */
export function secretsManagerStore(options: SecretsManagerStoreOptions): RingStore {
  const { id, region } = parseSecretId(options.secretId, options.region);
  assertSafeEndpoint(SECRETS_MANAGER, options.endpoint);
  const place = inRegion(options, region);
  const begin = secretCalls({
    aws: secretsManagerOf(place),
    secretId: id,
    where: whereOf(place),
    clock: options.clock ?? systemClock,
    random: options.random ?? systemChance,
  });
  const held = heldVersions();
  let accepts: Accepts = isNextGeneration;

  /** The secret as it is now, or as near to it as the service tells. */
  async function look(calls: Calls): Promise<SecretState | null> {
    for (let looks = 1; ; looks++) {
      const state = await calls.describe();
      if (state !== null) assertNotDeleted(state, id);
      const isFromBefore = state?.current != null && held.isPast(state.current);
      // Or a person has put the label back: then it stays there, and whoever loads the ring says so.
      if (!isFromBefore || looks === LOOKS_MAX || !(await calls.mayTryAgain(looks))) return state;
    }
  }

  async function documentOf(versionId: string, calls: Calls): Promise<string | null> {
    const document = held.documentOf(versionId);
    if (document !== null) return document;
    const value = await calls.value(versionId);
    if (value !== null && value.text === null) throw notText(id, versionId);
    return value?.text ?? null;
  }

  return {
    description: `AWS Secrets Manager secret ${id}`,
    writesEverySeconds: WRITES_EVERY_SECONDS,

    async load() {
      const calls = begin(LOAD_SECONDS);
      for (let looks = 1; ; looks++) {
        const state = await look(calls);
        if (state === null || state.current === null) return null;
        const document = await documentOf(state.current, calls);
        if (document !== null) return held.keep(state.current, document, state.changedAt);
        // Gone in the moment between the two calls. Once is that moment.
        if (looks === 2) throw notThere(id, state.current);
      }
    },

    async replace(document, base) {
      assertStorable(document);
      const calls = begin(REPLACE_SECONDS);
      const state = await look(calls);
      if ((state?.current ?? null) !== base) throw conflict();
      const baseDocument = async () => (base === null ? null : documentOf(base, calls));
      const commit: Commit = { calls, document, base, secretId: id, accepts, baseDocument };
      if (state === null) return commitToNewSecret(commit);
      assertWritable(state, id);
      const revision = await commitTo(state.arn, commit);
      if (base !== null) held.passed(base);
      return revision;
    },

    judgeBy(told) {
      accepts = told;
    },
  };
}

function notText(secretId: string, versionId: string): KeyturnError {
  return new KeyturnError(
    "ring_corrupt",
    `The secret ${secretId} holds bytes and no text (version ${versionId}), so no ring.`,
    {
      fix: "Check that it is the right secret. Nothing was overwritten; restore AWSCURRENT to the newest ring.",
    },
  );
}

function notThere(secretId: string, versionId: string): KeyturnError {
  return new KeyturnError(
    "store_unavailable",
    `The secret ${secretId} names version ${versionId} as its current one and does not give it out.`,
    { fix: "Try again in a moment. If this lasts, move AWSCURRENT to the newest version that can be read." },
  );
}
