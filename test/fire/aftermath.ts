/** What must be found after a commit of `new` met a fault, whatever the fault was. */
import { readdir } from "node:fs/promises";
import { fileStore, KEPT_GENERATIONS } from "../../src/store/file.ts";
import type { Stored } from "../../src/store/store.ts";

export interface CutShort {
  readonly folder: string;
  /** The ring before; null when there was none. */
  readonly old: Stored | null;
  /** What the commit said of itself; null when it was killed before it said anything. */
  readonly outcome: string | null;
}

/** The document that is committed. Longer than a block of any file system, so that it can be torn. */
export const NEW = `new ${"ring ".repeat(1000)}`;

/** What may be said of a commit that is not there. */
const REFUSALS: readonly string[] = ["store_unavailable", "store_full", "store_permission"];

/** Everything that is not as it must be; empty when all is. The ring is used up by the question. */
export async function aftermath(cutShort: CutShort): Promise<string[]> {
  return judged(cutShort).catch((error: unknown) => [`the ring cannot be used: ${error}`]);
}

async function judged({ folder, old, outcome }: CutShort): Promise<string[]> {
  const store = fileStore(folder);
  const found = await store.load();
  const isNew = found?.document === NEW;
  const isOld = found?.document === old?.document && found?.revision === old?.revision;
  if (!isNew && !isOld) return [`neither the old ring nor the new one, but ${described(found)}`];
  const wrong = isNew
    ? wrongAnswer(outcome, "is there", REFUSALS)
    : wrongAnswer(outcome, "is not there", ["committed"]);
  return [...wrong, ...(await nextCommit(folder, found))];
}

function wrongAnswer(outcome: string | null, where: string, lies: readonly string[]): string[] {
  if (outcome === null || outcome === "commit_unknown") return [];
  const known = outcome === "committed" || REFUSALS.includes(outcome);
  return known && !lies.includes(outcome) ? [] : [`the commit said ${outcome} and ${where}`];
}

/** Nobody has to clean up by hand: the next commit goes through, and takes with it what was left. */
async function nextCommit(folder: string, found: Stored | null): Promise<string[]> {
  const store = fileStore(folder);
  await store.replace("next", found?.revision ?? null);
  const next = await store.load();
  const number = Number(next?.revision.split(".")[0]);
  const before = Number(found?.revision.split(".")[0] ?? 0);
  const kept = Math.min(number, KEPT_GENERATIONS);
  const names = (await readdir(folder)).sort();
  const expected = Array.from({ length: kept }, (_, index) => ringFile(number - kept + 1 + index));
  return [
    ...(next?.document === "next" && number === before + 1 ? [] : [`the next commit is ${described(next)}`]),
    ...(names.join() === expected.join() ? [] : [`the folder holds ${names.join(", ")}`]),
  ];
}

function ringFile(number: number): string {
  return `ring.${String(number).padStart(10, "0")}.json`;
}

function described(stored: Stored | null): string {
  return stored === null
    ? "none"
    : `"${stored.document.slice(0, 20)}" of ${stored.document.length} characters`;
}
