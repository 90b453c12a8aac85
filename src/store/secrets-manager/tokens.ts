/**
 * Ids of versions that everybody works out alike. Whoever commits on one base asks for the same id, and the
 * service gives an id out once: so a base has one successor, however many nodes and late requests there are.
 */
import { derivedId } from "../../aws/derived-id.ts";

/** @param base null: the first version. @param attempt above 0 where the ones before are taken by no successor. */
export function successorId(arn: string, base: string | null, attempt: number): Promise<string> {
  return derivedId(["keyturn successor", arn, base ?? "", String(attempt)]);
}

/**
 * The first version of a secret that is not there, so has no ARN yet. The name alone would not do: a secret
 * that is deleted and made anew would begin with the version that nodes remember of the old one. Nor is it
 * needed to decide between nodes, because only one of them can create a secret of that name.
 */
export async function firstId(name: string, document: string): Promise<string> {
  return derivedId(["keyturn first", name, await derivedId([document])]);
}
