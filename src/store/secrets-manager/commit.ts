/**
 * One commit: a version that nobody takes for the ring yet, then the label moved to it, if it is still where
 * it was. What became of a call that failed is never guessed: the labels tell, and where they cannot, the
 * caller is told `commit_unknown`.
 */
import { noSuchArn } from "../../aws/secret-refusals.ts";
import { isKeyturnError, KeyturnError } from "../../errors.ts";
import { conflict } from "../memory.ts";
import type { Accepts } from "../store.ts";
import type { Calls } from "./calls.ts";
import type { Failure } from "./refusals.ts";
import { firstId, successorId } from "./tokens.ts";
import { fateOf } from "./versions.ts";

/**
 * Keeps a version that is not the ring yet from being counted as deprecated, which may be deleted. It is on
 * one version at a time: each successor takes it from the one before, so none is left behind.
 */
const NEXT = "keyturn_next";
const CURRENT = "AWSCURRENT";

/** One invalid successor is an accident, another may be its repetition. */
const SUCCESSORS_MAX = 3;

export interface Commit {
  readonly calls: Calls;
  readonly document: string;
  /** The version that is to be followed; null: there is none. */
  readonly base: string | null;
  readonly secretId: string;
  readonly accepts: Accepts;
  /** What the base holds; asked for only where someone else's successor has to be judged. */
  readonly baseDocument: () => Promise<string | null>;
}

/** @returns the revision that it has become. @throws KeyturnError as `replace` does */
export async function commitTo(arn: string, commit: Commit): Promise<string> {
  const { calls, base, accepts } = commit;
  for (let attempt = 0; attempt < SUCCESSORS_MAX; attempt++) {
    const successor = await successorId(arn, base, attempt);
    const outcome = await write(commit, successor, () =>
      calls.put({
        SecretId: arn,
        ClientRequestToken: successor,
        SecretString: commit.document,
        // Never without a label: then it would be the ring at once, whatever is the ring by now.
        VersionStages: [NEXT],
      }),
    );
    if (outcome === "ours") return promoted(arn, successor, commit);

    // Someone else's, half done by a node that is slow or dead; unless it is done.
    if (((await calls.describe())?.current ?? null) !== base) throw conflict();
    const theirs = await calls.value(successor);
    if (theirs === null) throw conflict();
    if (theirs.text !== null && (await accepts(theirs.text, await commit.baseDocument()))) {
      await help(arn, successor, commit);
      throw conflict();
    }
    // No document of ours. The next successor takes the label from it, and it is left to be deleted.
  }
  throw await blocked(arn, commit);
}

/** The first commit, where there is no secret. */
export async function commitToNewSecret(commit: Commit): Promise<string> {
  const { calls, document, secretId } = commit;
  if (secretId.startsWith("arn:")) throw noSuchArn(secretId);
  const first = await firstId(secretId, document);
  const outcome = await write(commit, first, () =>
    calls.create({ ClientRequestToken: first, SecretString: document, Description: DESCRIPTION }),
  );
  if (outcome !== "theirs") return first;
  // Made in this moment, with a ring or without one.
  const state = await calls.describe();
  if (state === null || state.current !== null) throw conflict();
  return commitTo(state.arn, commit);
}

const DESCRIPTION = "A keyturn ring. Written by keyturn only.";

/** Brings about a version of that id. To ask for it again is safe, because an id has one value for ever. */
async function write(
  commit: Commit,
  id: string,
  send: () => Promise<"done" | Failure>,
): Promise<"ours" | "theirs"> {
  let doubt: Failure | null = null;
  for (let tries = 1; ; tries++) {
    const written = await send();
    if (written === "done") return "ours";
    const exists = written.name === "ResourceExistsException";
    if (exists && doubt === null) return "theirs";
    if (written.inDoubt) doubt = written;
    else if (doubt === null) throw written.error;
    if (exists || !written.passing || !(await commit.calls.mayTryAgain(tries)))
      return whose(commit, id, doubt);
  }
}

/** After an answer was lost. */
async function whose({ calls, document }: Commit, id: string, doubt: Failure): Promise<"ours" | "theirs"> {
  const found = await calls.value(id).catch(() => null);
  // It may still arrive.
  if (found === null) throw unknown(doubt.error);
  return found.text === document ? "ours" : "theirs";
}

/** Makes the successor, which holds our document, the ring. From here on any node may do so for us. */
async function promoted(arn: string, successor: string, commit: Commit): Promise<string> {
  const { calls, base } = commit;
  for (let tries = 1; ; tries++) {
    const moved = await moveCurrent(arn, successor, commit);
    if (moved === "done") return successor;
    const state = await calls.describe().catch(() => {
      throw unknown(moved.error);
    });
    const fate = fateOf(successor, base, state);
    if (fate === "committed") return successor;
    if (fate === "beaten" && (await isSuccessor(state?.current ?? null, arn, base))) throw conflict();
    const isWorthIt = moved.passing || hasMoved(moved);
    if (fate !== "open" || !isWorthIt || !(await calls.mayTryAgain(tries))) throw unknown(moved.error);
  }
}

/**
 * Only what a node has decided on the base makes the loss of ours certain. A value that a person put there
 * may be taken back, and then ours is found half done and made the ring.
 */
async function isSuccessor(version: string | null, arn: string, base: string | null): Promise<boolean> {
  return version !== null && (await successorIds(arn, base)).includes(version);
}

function successorIds(arn: string, base: string | null): Promise<string[]> {
  return Promise.all(Array.from({ length: SUCCESSORS_MAX }, (_, attempt) => successorId(arn, base, attempt)));
}

/** For a node that could not finish. Nothing of ours is in it, so whatever comes of it is certain for us. */
async function help(arn: string, successor: string, commit: Commit): Promise<void> {
  const moved = await moveCurrent(arn, successor, commit);
  if (moved !== "done" && !hasMoved(moved)) throw moved.error;
}

/** The compare-and-swap: the service refuses when the label is on another version than `base`. */
function moveCurrent(arn: string, to: string, { calls, base }: Commit): Promise<"done" | Failure> {
  return calls.moveLabel({
    SecretId: arn,
    VersionStage: CURRENT,
    MoveToVersionId: to,
    ...(base === null ? {} : { RemoveFromVersionId: base }),
  });
}

function hasMoved({ name }: Failure): boolean {
  return name === "InvalidParameterException" || name === "ResourceNotFoundException";
}

function unknown(cause: unknown): KeyturnError {
  const because = isKeyturnError(cause) ? ` ${cause.message}` : "";
  return new KeyturnError("commit_unknown", `The commit may or may not have happened.${because}`, {
    fix: isKeyturnError(cause)
      ? `Read the ring again before deciding anything. ${cause.fix}`
      : "Read the ring again.",
    cause,
  });
}

async function blocked(arn: string, { base, secretId }: Commit): Promise<KeyturnError> {
  const ids = await successorIds(arn, base);
  return new KeyturnError(
    "ring_corrupt",
    `The ring in the secret ${secretId} is whole, but cannot be followed: the versions ${ids.join(", ")} were put in the way and hold no ring.`,
    {
      fix: "Find out who wrote them. Then store the present value once more (aws secretsmanager get-secret-value, put-secret-value): its new version has room for successors.",
    },
  );
}
