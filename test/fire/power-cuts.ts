/**
 * The power fails at every call that a history of commits makes of its disk, and what the disk has
 * left is drawn anew each time. The ring must be the last that was acknowledged, or the one that was
 * being committed; then the next commit is cut off too, on the disk that the first cut has left.
 */
import { fileStore } from "../../src/store/file.ts";
import type { Stored } from "../../src/store/store.ts";
import type { Row } from "../proof/section.ts";
import { type Dice, dice } from "./dice.ts";
import { Disk, type Forgets } from "./disk.ts";
import { part, verdict } from "./verdict.ts";

const RING = "/home/keyturn/ring";

/** Enough that old numbers are pruned, and pruned ones come back. */
const COMMITS = 5;

/** Of the full run. */
const POWER_CUTS = 100_000;
/** What the planted bugs are looked for in; far fewer find them. */
const PLANTED_CUTS = 2_000;

export async function powerCuts(share: number, seed: number): Promise<Row[]> {
  const { cuts, violations } = await cutEverywhere("nothing", part(share, POWER_CUTS), dice(seed));
  const careless = ["files", "folders"] as const;
  const caught: string[] = [];
  for (const forgets of careless) {
    const found = await cutEverywhere(forgets, PLANTED_CUTS, dice(seed));
    if (found.violations.length > 0) caught.push(forgets);
  }
  const missed = careless.filter((forgets) => !caught.includes(forgets));
  return [
    verdict("power cuts at every call of a commit, and of the one after", `${cuts} cuts`, violations),
    verdict(
      "planted: a commit without its fsync, of files or of folders",
      `caught ${caught.length}/${careless.length}`,
      missed.map((forgets) => `nobody noticed that ${forgets} were not synced`),
    ),
  ];
}

async function cutEverywhere(
  forgets: Forgets,
  cuts: number,
  chance: Dice,
): Promise<{ cuts: number; violations: string[] }> {
  const calls = (await livedUntil(Infinity, forgets)).disk.calls;
  // Every call is cut at, and what is left of it drawn as often as the number of cuts allows.
  const draws = Math.max(1, Math.round(cuts / calls / 2));
  const violations: string[] = [];
  for (let at = 1; at <= calls; at++) {
    const { disk, acknowledged } = await livedUntil(at, forgets);
    for (let draw = 0; draw < draws; draw++) {
      const found = await cutTwice(disk, acknowledged, chance);
      if (found !== null) violations.push(`at call ${at} of ${calls}: ${found}`);
    }
  }
  return { cuts: 2 * draws * calls, violations };
}

/** A disk on which commit after commit was made until its power failed, and how many were acknowledged. */
async function livedUntil(cutAt: number, forgets: Forgets): Promise<{ disk: Disk; acknowledged: number }> {
  const disk = new Disk({ forgets });
  await disk.io.mkdir("/home", { recursive: true, mode: 0o700 });
  await (await disk.io.open("/", "r")).sync();
  disk.calls = 0;
  disk.cutAt = cutAt;
  let acknowledged = 0;
  for (let number = 1; number <= COMMITS; number++) {
    if (!(await isCommitted(disk, documentOf(number)))) break;
    acknowledged = number;
  }
  return { disk, acknowledged };
}

/** What is wrong after a cut, or after another during the commit that follows; null when nothing is. */
async function cutTwice(before: Disk, acknowledged: number, chance: Dice): Promise<string | null> {
  const disk = before.survivor(chance);
  const lawful = [acknowledged, acknowledged + 1].map(documentOf);
  const found = await ringOn(disk);
  if (!lawful.includes(found)) return `${described(found)} after ${acknowledged} acknowledged commits`;

  const next = `next ${documentOf(1)}`;
  disk.cutAt = disk.calls + 1 + chance.below(30);
  const isThere = await isCommitted(disk, next);
  disk.cutAt = Infinity;
  const again = disk.survivor(chance);
  const second = await ringOn(again);
  if (second !== next && (isThere || second !== found))
    return `${described(second)} after a second cut, when ${isThere ? "the next one was acknowledged" : "it was under way"}`;

  await isCommitted(again, "the last");
  const names = await again.io.readdir(RING);
  if ((await ringOn(again)) !== "the last" || names.length > 2)
    return `no commit goes through, or ${names.join()} lie about`;
  return null;
}

/** Whether the commit was acknowledged before the power failed. */
async function isCommitted(disk: Disk, document: string): Promise<boolean> {
  const store = fileStore(RING, disk.io);
  try {
    const stored: Stored | null = await store.load();
    await store.replace(document, stored?.revision ?? null);
    return disk.calls < disk.cutAt;
  } catch (error) {
    if (disk.calls < disk.cutAt) throw error;
    return false;
  }
}

async function ringOn(disk: Disk): Promise<string> {
  const stored = await fileStore(RING, disk.io)
    .load()
    .catch((error: unknown) => ({ document: String(error) }));
  return stored?.document ?? documentOf(0);
}

/** Of several sectors, so that it can be torn; none at all before the first commit. */
function documentOf(number: number): string {
  return number === 0 ? "none" : `commit ${number} ${"ring ".repeat(400)}`;
}

function described(document: string): string {
  return `"${document.slice(0, 80).replaceAll("\0", "0")}"`;
}
