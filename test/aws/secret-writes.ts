/** The operations that change a secret. */
import { flag, type Input, list, required, text, wholeNumber } from "./input.ts";
import type { Kms } from "./kms.ts";
import { assertAllowed } from "./principals.ts";
import { exists, invalidParameter, invalidRequest, Refusal } from "./refusal.ts";
import {
  arnOf,
  assertNotDeleted,
  assertPrimary,
  freshArn,
  type Place,
  type Secret,
  type SecretBook,
  stateOf,
} from "./secret-book.ts";
import { customerKey, encryptingKey } from "./secret-keys.ts";
import {
  emptyState,
  labelsOf,
  type SecretState,
  sameValue,
  withLabelMoved,
  withVersion,
} from "./secret-state.ts";
import { type GivenValue, givenValue, LABEL, requestToken, VERSION_ID } from "./secret-value.ts";

export type SecretOperation = (place: Place, input: Input) => object;

const DAY_SECONDS = 86_400;
/** Parts of the service that nobody here needs: refused, so that nobody believes they work. */
const NOT_HERE = ["AddReplicaRegions", "ForceOverwriteReplicaSecret", "RotationToken", "Type"];

export function secretWrites(
  book: SecretBook,
  kms: Kms,
  now: () => number,
  versionQuota: number,
): Readonly<Record<string, SecretOperation>> {
  const withValue = (
    { principal }: Place,
    { name, kmsKeyId }: { readonly name: string; readonly kmsKeyId: string | undefined },
    state: SecretState,
    { token, value }: GivenValue,
    labels: readonly string[],
  ) => {
    const keyArn = encryptingKey(kms, principal, kmsKeyId, name);
    return withVersion(state, { id: token, createdAt: now(), value, keyArn }, labels, versionQuota);
  };

  const createSecret: SecretOperation = (place, input) => {
    assertHere(input);
    const { region, principal } = place;
    const name = required(input, "Name", { min: 1, max: 512 });
    const arn = freshArn(name, region);
    assertAllowed(principal, "secretsmanager:CreateSecret", arn, name);
    const tags = list(input, "Tags", { min: 0, max: 50 });
    if (tags !== undefined) assertAllowed(principal, "secretsmanager:TagResource", arn, name);
    if (!/^[A-Za-z0-9/_+=.@-]+$/.test(name))
      throw new Refusal(
        "ValidationException",
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
      );
    const kmsKeyId = customerKey(text(input, "KmsKeyId", { min: 0, max: 2048 }));
    const description = text(input, "Description", { min: 0, max: 2048 });
    const value = givenValue(input);
    const given = value === undefined ? undefined : { token: requestToken(input), value };
    const there = book.find(name, region);
    if (there !== undefined) return createdBefore(there, given);
    const empty = emptyState(now());
    const state = given === undefined ? empty : withValue(place, { name, kmsKeyId }, empty, given, []);
    book.add({
      name,
      arn,
      region,
      description,
      kmsKeyId,
      tags,
      replicas: new Set(),
      states: [state],
      accessedOn: new Map(),
    });
    return { ARN: arn, Name: name, ...(given !== undefined && { VersionId: given.token }) };
  };

  const putSecretValue: SecretOperation = (place, input) => {
    assertHere(input);
    const secret = book.allowed(place, "PutSecretValue", input);
    const token = requestToken(input);
    const value = givenValue(input);
    const labels = labelsGiven(input);
    if (value === undefined) throw invalidRequest("You must provide either SecretString or SecretBinary.");
    assertPrimary(secret, place.region);
    const state = stateOf(secret);
    assertNotDeleted(state);
    const there = state.versions.get(token);
    if (there !== undefined && !sameValue(there.value, value)) throw tokenInUse(token, secret);
    if (there === undefined) book.write(secret, withValue(place, secret, state, { token, value }, labels));
    const VersionStages = labelsOf(stateOf(secret), token);
    return { ARN: secret.arn, Name: secret.name, VersionId: token, VersionStages };
  };

  const updateSecretVersionStage: SecretOperation = (place, input) => {
    const secret = book.allowed(place, "UpdateSecretVersionStage", input);
    const label = required(input, "VersionStage", LABEL);
    const moveTo = text(input, "MoveToVersionId", VERSION_ID);
    const removeFrom = text(input, "RemoveFromVersionId", VERSION_ID);
    assertPrimary(secret, place.region);
    const state = stateOf(secret);
    assertNotDeleted(state);
    book.write(secret, withLabelMoved(state, { label, moveTo, removeFrom }, now()));
    return { ARN: secret.arn, Name: secret.name };
  };

  const deleteSecret: SecretOperation = (place, input) => {
    const days = wholeNumber(input, "RecoveryWindowInDays");
    const force = flag(input, "ForceDeleteWithoutRecovery");
    const id = required(input, "SecretId", { min: 1, max: 2048 });
    if (force && book.find(id, place.region) === undefined) {
      assertAllowed(place.principal, "secretsmanager:DeleteSecret", arnOf(id, place.region), id);
      return { ARN: arnOf(id, place.region), Name: id, DeletionDate: now() };
    }
    const secret = book.allowed(place, "DeleteSecret", input);
    if (force && days !== undefined)
      throw invalidParameter(
        "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
      );
    if (days !== undefined && (days < 7 || days > 30))
      throw invalidParameter("RecoveryWindowInDays value must be between 7 and 30 days (inclusive).");
    assertPrimary(secret, place.region);
    if (secret.replicas.size > 0)
      throw invalidParameter(
        `You can't delete secret ${secret.arn} that still has replica regions [${[...secret.replicas].join(", ")}].`,
      );
    const state = stateOf(secret);
    const answer = { ARN: secret.arn, Name: secret.name };
    if (force) {
      book.remove(secret.name);
      return { ...answer, DeletionDate: now() };
    }
    assertNotDeleted(state);
    const deletedAt = now() + (days ?? 30) * DAY_SECONDS;
    book.write(secret, { ...state, deletedAt, changedAt: now() });
    return { ...answer, DeletionDate: deletedAt };
  };

  const restoreSecret: SecretOperation = (place, input) => {
    const secret = book.allowed(place, "RestoreSecret", input);
    assertPrimary(secret, place.region);
    const state = stateOf(secret);
    if (state.deletedAt !== null) book.write(secret, { ...state, deletedAt: null, changedAt: now() });
    return { ARN: secret.arn, Name: secret.name };
  };

  return {
    CreateSecret: createSecret,
    PutSecretValue: putSecretValue,
    UpdateSecretVersionStage: updateSecretVersionStage,
    DeleteSecret: deleteSecret,
    RestoreSecret: restoreSecret,
  };
}

/** Who asks the same again is answered the same; anybody else finds the name taken. */
function createdBefore(secret: Secret, given: GivenValue | undefined): object {
  const state = stateOf(secret);
  if (state.deletedAt !== null)
    throw invalidRequest(
      "You can't create this secret because a secret with this name is already scheduled for deletion.",
    );
  const version = given === undefined ? undefined : state.versions.get(given.token);
  if (given === undefined || version === undefined)
    throw exists(`The operation failed because the secret ${secret.name} already exists.`);
  if (!sameValue(version.value, given.value)) throw tokenInUse(given.token, secret);
  return { ARN: secret.arn, Name: secret.name, VersionId: given.token };
}

function labelsGiven(input: Input): readonly string[] {
  const labels = list(input, "VersionStages", { min: 1, max: 20 }) ?? ["AWSCURRENT"];
  return labels.map((label) => required({ VersionStages: label }, "VersionStages", LABEL));
}

function assertHere(input: Input): void {
  const member = NOT_HERE.find((name) => input[name] !== undefined && input[name] !== null);
  if (member !== undefined) throw new Error(`${member} is no part of this fake`);
}

function tokenInUse(token: string, { arn }: Secret): Refusal {
  return exists(
    `You can't use ClientRequestToken ${token} because that value is already in use for a version of secret ${arn}.`,
  );
}
