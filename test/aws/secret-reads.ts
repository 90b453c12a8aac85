/** The operations that only look. */
import { constraint, flag, text, wholeNumber } from "./input.ts";
import type { Kms } from "./kms.ts";
import { invalidRequest, notFound, Refusal } from "./refusal.ts";
import { arnIn, assertNotDeleted, noSecret, type SecretBook, stateOf } from "./secret-book.ts";
import { assertDecrypts } from "./secret-keys.ts";
import { CURRENT, labelsOf, noVersion, type SecretState, type Version } from "./secret-state.ts";
import { LABEL, VERSION_ID } from "./secret-value.ts";
import type { SecretOperation } from "./secret-writes.ts";

const DAY_SECONDS = 86_400;
const PAGE = 100;
/** What the real one lists for the account's own key. */
const ACCOUNT_KEY = "DefaultEncryptionKey";

export function secretReads(
  book: SecretBook,
  kms: Kms,
  now: () => number,
): Readonly<Record<string, SecretOperation>> {
  const today = () => Math.floor(now() / DAY_SECONDS) * DAY_SECONDS;

  const describeSecret: SecretOperation = (place, input) => {
    const secret = book.allowed(place, "DescribeSecret", input);
    const state = book.shown(secret);
    if (state === undefined) throw noSecret();
    const labelled = [...state.versions.keys()].filter((id) => labelsOf(state, id).length > 0);
    const accessedOn = Math.max(...secret.accessedOn.values());
    return {
      ARN: arnIn(secret, place.region),
      Name: secret.name,
      Description: secret.description,
      KmsKeyId: secret.kmsKeyId,
      LastChangedDate: state.changedAt,
      CreatedDate: state.createdAt,
      Tags: secret.tags,
      ...(Number.isFinite(accessedOn) && { LastAccessedDate: accessedOn }),
      ...(state.deletedAt !== null && { DeletedDate: state.deletedAt }),
      ...(labelled.length > 0 && {
        VersionIdsToStages: Object.fromEntries(labelled.map((id) => [id, labelsOf(state, id)])),
      }),
      ...(secret.replicas.size > 0 && { PrimaryRegion: secret.region }),
      ...(secret.replicas.size > 0 &&
        place.region === secret.region && {
          ReplicationStatus: [...secret.replicas].map((Region) => ({
            Region,
            KmsKeyId: "alias/aws/secretsmanager",
            Status: "InSync",
          })),
        }),
    };
  };

  const getSecretValue: SecretOperation = (place, input) => {
    const secret = book.allowed(place, "GetSecretValue", input);
    const versionId = text(input, "VersionId", VERSION_ID);
    const label = text(input, "VersionStage", LABEL);
    // What is asked for by its id is there or not; labels are what a late read has wrong.
    const state = versionId === undefined ? book.shown(secret) : stateOf(secret);
    if (state === undefined) throw noSecret();
    assertNotDeleted(state);
    const version = versionAsked(state, versionId, label);
    assertDecrypts(kms, place.principal, version.keyArn);
    secret.accessedOn.set(version.id, today());
    const { value } = version;
    return {
      ARN: arnIn(secret, place.region),
      Name: secret.name,
      VersionId: version.id,
      ...("text" in value ? { SecretString: value.text } : { SecretBinary: value.binary }),
      ...(labelsOf(state, version.id).length > 0 && { VersionStages: labelsOf(state, version.id) }),
      CreatedDate: version.createdAt,
    };
  };

  const listSecretVersionIds: SecretOperation = (place, input) => {
    const secret = book.allowed(place, "ListSecretVersionIds", input);
    const state = stateOf(secret);
    const deprecatedToo = flag(input, "IncludeDeprecated");
    const length = wholeNumber(input, "MaxResults") ?? PAGE;
    if (length < 1 || length > PAGE) throw constraint("MaxResults", `Member must be between 1 and ${PAGE}`);
    const from = text(input, "NextToken", { min: 1, max: 4096 }) ?? "0";
    if (!/^\d{1,6}$/.test(from)) throw new Refusal("InvalidNextTokenException", "Invalid NextToken.");
    const start = Number(from);
    const all = [...state.versions.values()].filter(
      ({ id }) => deprecatedToo || labelsOf(state, id).length > 0,
    );
    return {
      ARN: arnIn(secret, place.region),
      Name: secret.name,
      Versions: all.slice(start, start + length).map(({ id, createdAt, keyArn }) => ({
        VersionId: id,
        ...(labelsOf(state, id).length > 0 && { VersionStages: labelsOf(state, id) }),
        ...(secret.accessedOn.has(id) && { LastAccessedDate: secret.accessedOn.get(id) }),
        CreatedDate: createdAt,
        KmsKeyIds: [keyArn ?? ACCOUNT_KEY],
      })),
      ...(start + length < all.length && { NextToken: String(start + length) }),
    };
  };

  return {
    DescribeSecret: describeSecret,
    GetSecretValue: getSecretValue,
    ListSecretVersionIds: listSecretVersionIds,
  };
}

function versionAsked(
  { versions, labels }: SecretState,
  versionId: string | undefined,
  label: string | undefined,
): Version {
  const wanted = label ?? CURRENT;
  const version = versions.get(versionId ?? labels.get(wanted) ?? "");
  if (version === undefined && versionId !== undefined) throw noVersion(versionId);
  if (version === undefined)
    throw notFound(`Secrets Manager can't find the specified secret value for staging label: ${wanted}`);
  if (label !== undefined && labels.get(label) !== version.id)
    throw invalidRequest("You provided a VersionStage that is not associated to the provided VersionId.");
  return version;
}
