/** Commits that meet trouble, and what is true afterwards whatever they were told. */
import { isKeyturnError } from "../../../src/errors.ts";
import type { RingStore, Stored } from "../../../src/store/store.ts";
import type { Bench } from "./bench.ts";

/** What the commit of `document` is told: `committed`, or the code of its error. */
export async function outcomeOf(commit: Promise<string>): Promise<string> {
  return commit.then(
    () => "committed",
    (error: unknown) => (isKeyturnError(error) ? error.code : `foreign: ${String(error)}`),
  );
}

/**
 * After a commit of `next` on `base`: the ring is old xor new, as the caller was told; the next node goes
 * on from there; and what arrives late changes nothing. Returns what is wrong with that.
 */
export async function aftermath(
  bench: Bench,
  told: string,
  { base, next }: { readonly base: Stored | null; readonly next: string },
): Promise<string[]> {
  bench.aws.clearFaults();
  const faults: string[] = [];
  const other = bench.open();
  const found = await other.load();
  const isNew = found?.document === next;
  if (!isNew && found?.revision !== base?.revision) faults.push("neither old nor new");
  if (told === "committed" && !isNew) faults.push("told that it was committed, and it was not");
  if (told !== "committed" && told !== "commit_unknown" && isNew) faults.push(`committed, and told ${told}`);

  const after = await goOn(other);
  bench.aws.releaseLate();
  const atLast = await bench.open().load();
  if (atLast?.revision !== after) faults.push("something that arrived late has taken the ring's place");
  return faults;
}

/** The next node commits, as a manager does: again after a conflict. Returns the revision. */
async function goOn(store: RingStore): Promise<string> {
  for (let attempts = 0; attempts < 3; attempts++) {
    const base = (await store.load())?.revision ?? null;
    try {
      return await store.replace(`the next node, attempt ${attempts}`, base);
    } catch (error) {
      if (!isKeyturnError(error, "conflict")) throw error;
    }
  }
  throw new Error("The next node cannot go on.");
}
