/**
 * A secret's versions and labels, as values: every change makes a whole new state or throws, so
 * nothing is ever half applied, and an older state can still be shown.
 */
import { invalidParameter, notFound, Refusal } from "./refusal.ts";

export const CURRENT = "AWSCURRENT";
export const PREVIOUS = "AWSPREVIOUS";

const DAY_SECONDS = 86_400;
/** "Staging labels attached across all versions of a secret", a quota that cannot be raised. */
const LABELS_QUOTA = 20;

export type SecretValue = { readonly text: string } | { readonly binary: string };

export interface Version {
  readonly id: string;
  readonly createdAt: number;
  readonly value: SecretValue;
  /** The ARN of the customer's key that it is encrypted with; null for the account's own. */
  readonly keyArn: string | null;
}

export interface SecretState {
  /** In the order of creation. */
  readonly versions: ReadonlyMap<string, Version>;
  /** Which version holds a label: each label is on one version at a time. */
  readonly labels: ReadonlyMap<string, string>;
  readonly createdAt: number;
  /** "The last date and time that this secret was modified in any way." */
  readonly changedAt: number;
  /** The end of the recovery window. */
  readonly deletedAt: number | null;
}

export function emptyState(now: number): SecretState {
  return { versions: new Map(), labels: new Map(), createdAt: now, changedAt: now, deletedAt: null };
}

export function labelsOf({ labels }: SecretState, versionId: string): readonly string[] {
  return [...labels].filter(([, holder]) => holder === versionId).map(([label]) => label);
}

export function sameValue(one: SecretValue, other: SecretValue): boolean {
  return "text" in one
    ? "text" in other && one.text === other.text
    : "binary" in other && one.binary === other.binary;
}

/** The first version gets AWSCURRENT whatever is asked. */
export function withVersion(
  state: SecretState,
  version: Version,
  asked: readonly string[],
  quota: number,
): SecretState {
  const wanted = state.versions.size === 0 ? new Set([...asked, CURRENT]) : asked;
  const labels = [...wanted].reduce((held, label) => moved(held, label, version.id), state.labels);
  const versions = new Map(state.versions).set(version.id, version);
  return kept({ ...state, versions, labels, changedAt: version.createdAt }, quota);
}

export interface LabelMove {
  readonly label: string;
  readonly moveTo: string | undefined;
  readonly removeFrom: string | undefined;
}

/** The documented compare: a label that is attached moves only from the version that the caller names. */
export function withLabelMoved(state: SecretState, move: LabelMove, now: number): SecretState {
  const { label, moveTo, removeFrom } = move;
  const holder = state.labels.get(label);
  if (moveTo === undefined) return withLabelRemoved(state, move, now);
  if (!state.versions.has(moveTo)) throw noVersion(moveTo);
  if (removeFrom !== undefined && removeFrom !== holder) throw notHolder(label);
  if (holder === moveTo) return state;
  if (holder !== undefined && removeFrom === undefined)
    throw invalidParameter(
      `The parameter RemoveFromVersionId can't be empty. Staging label ${label} is currently attached to version ${holder}, so you must explicitly reference that version in RemoveFromVersionId.`,
    );
  return withinLabels({ ...state, labels: moved(state.labels, label, moveTo), changedAt: now });
}

function withLabelRemoved(state: SecretState, { label, removeFrom }: LabelMove, now: number): SecretState {
  if (removeFrom === undefined)
    throw invalidParameter("You must specify either MoveToVersionId or RemoveFromVersionId.");
  if (!state.versions.has(removeFrom)) throw noVersion(removeFrom);
  if (state.labels.get(label) !== removeFrom) throw notHolder(label);
  if (label === CURRENT)
    throw invalidParameter(
      "You can only move staging label AWSCURRENT to a different secret version. It can’t be completely removed.",
    );
  return {
    ...state,
    labels: new Map([...state.labels].filter(([name]) => name !== label)),
    changedAt: now,
  };
}

/** AWSPREVIOUS goes to where AWSCURRENT came from. */
function moved(
  labels: ReadonlyMap<string, string>,
  label: string,
  versionId: string,
): ReadonlyMap<string, string> {
  const held = labels.get(label);
  const after = new Map(labels).set(label, versionId);
  return label === CURRENT && held !== undefined && held !== versionId ? after.set(PREVIOUS, held) : after;
}

/** Label-less versions go from the oldest on where there are too many, but none of the last 24 hours. */
function kept(state: SecretState, quota: number): SecretState {
  const surplus = state.versions.size - quota;
  if (surplus <= 0) return withinLabels(state);
  const labelled = new Set(state.labels.values());
  const gone = [...state.versions.values()]
    .filter(({ id, createdAt }) => !labelled.has(id) && createdAt <= state.changedAt - DAY_SECONDS)
    .slice(0, surplus);
  if (gone.length < surplus)
    throw new Refusal(
      "LimitExceededException",
      `The request failed because it would exceed the quota of ${quota} versions of a secret.`,
    );
  const versions = new Map(state.versions);
  for (const { id } of gone) versions.delete(id);
  return withinLabels({ ...state, versions });
}

function withinLabels(state: SecretState): SecretState {
  if (state.labels.size <= LABELS_QUOTA) return state;
  throw new Refusal(
    "LimitExceededException",
    `The request failed because it would exceed the quota of ${LABELS_QUOTA} staging labels of a secret.`,
  );
}

export function noVersion(versionId: string): Refusal {
  return notFound(`Secrets Manager can't find the specified secret value for VersionId: ${versionId}`);
}

function notHolder(label: string): Refusal {
  return invalidParameter(
    `When you move staging label ${label}, if you specify RemoveFromVersionId, it must be set to the version that currently has the staging label ${label}.`,
  );
}
