/**
 * One text into a secret that has none. All who try ask for the same version id, and the service gives an id
 * out once, so one of them wins; what is there afterwards says which, also where an answer was lost.
 */
import { derivedId } from "../aws/derived-id.ts";
import { secretName } from "../aws/secret-id.ts";
import { noSuchArn } from "../aws/secret-refusals.ts";
import { KeyturnError } from "../errors.ts";
import type { KekCalls, KekVersion, Written } from "./secret-calls.ts";

/** @returns whether the text of this call is the one that is kept. @throws KeyturnError */
export async function putOnce(
  secretId: string,
  calls: KekCalls,
  make: () => Promise<string>,
): Promise<boolean> {
  if ((await calls.valueOf("AWSCURRENT")) !== null) return false;
  const text = await make();
  const versionId = await derivedId(["keyturn kek", secretName(secretId)]);
  const written = await firstVersion(secretId, calls, versionId, text);
  // Certainly not written, and not because another was first.
  if (written !== "done" && !written.inDoubt && !isTaken(written)) throw written.error;
  const kept = await appeared(calls);
  if (kept !== null) return kept.text === text;
  throw written === "done" || isTaken(written) ? notYet(secretId) : written.error;
}

/** With CreateSecret, or PutSecretValue where the secret is there: whichever of the two is allowed will do. */
async function firstVersion(
  secretId: string,
  calls: KekCalls,
  versionId: string,
  text: string,
): Promise<Written> {
  // An ARN cannot be chosen.
  const created = secretId.startsWith("arn:") ? null : await calls.create(versionId, text);
  if (created !== null && !isTaken(created) && !isDenied(created)) return created;
  // Another was first, or the secret stood there without a value.
  if (created !== null && isTaken(created) && (await calls.valueOf("AWSCURRENT")) !== null) return created;

  const put = await calls.put(versionId, text);
  if (put !== "done" && put.name === "ResourceNotFoundException") {
    if (created === null) throw noSuchArn(secretId);
    return created;
  }
  // Who may do neither is told of the one that also makes the secret.
  return created !== null && isDenied(created) && isDenied(put) ? created : put;
}

/** Reads may lag behind writes by a moment. */
async function appeared(calls: KekCalls): Promise<KekVersion | null> {
  for (let looks = 1; ; looks++) {
    const found = await calls.valueOf("AWSCURRENT");
    if (found !== null || !(await calls.mayTryAgain(looks))) return found;
  }
}

function isTaken(written: Written): boolean {
  return written !== "done" && written.name === "ResourceExistsException";
}

function isDenied(written: Written): boolean {
  return written !== "done" && written.name === "AccessDeniedException";
}

function notYet(secretId: string): KeyturnError {
  return new KeyturnError(
    "store_unavailable",
    `The secret ${secretId} has just been given a KEK and does not give it out yet.`,
    { fix: "Try again in a moment." },
  );
}
