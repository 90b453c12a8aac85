/**
 * A process may be paused at any call, for as long as it takes others to commit any number of
 * times. What it then goes on to do must not undo, hide or fork what they did.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fileStore, KEPT_GENERATIONS } from "../../src/store/file.ts";
import { commitMany, filesIn, newRingFolder, temporariesIn } from "./folders.ts";
import { atEveryCall, codeOf, hookedIo } from "./hooked-io.ts";

describe("fileStore in a process that is paused", () => {
  it("conflicts when they did so between its load and its replace", async () => {
    const folder = await newRingFolder();
    await commitMany(folder, 1);
    const paused = fileStore(folder);
    const loaded = await paused.load();
    await commitMany(folder, 20);
    await expect(paused.replace("late", loaded?.revision ?? null)).rejects.toMatchObject({
      code: "conflict",
    });
    await expectRing(folder, "commit 21", KEPT_GENERATIONS);
  });

  // 1 other takes its number, 2 leave it the oldest kept, 3 have it pruned, 20 all that it ever saw.
  for (const others of [1, 2, 3, 20]) {
    for (const before of [0, 3]) {
      it(`has won or conflicts at whichever call ${others} others came, after ${before} commits`, async () => {
        const outcomes = new Set<string>();
        const calls = await atEveryCall(async (at) => {
          const folder = await newRingFolder();
          await commitMany(folder, before);
          const revision = (await fileStore(folder).load())?.revision ?? null;
          let paused = false;
          const io = hookedIo({
            async before(call) {
              if (call.number !== at) return;
              paused = true;
              await commitMany(folder, others);
            },
          });
          const outcome = await codeOf(fileStore(folder, io).replace("paused", revision));
          if (!paused) return false;

          // Once linked it has won and the others build on it; before, it must leave no trace.
          const won = outcome === "committed";
          if (!won) expect(outcome).toBe("conflict");
          const last = before + others + (won ? 1 : 0);
          await expectRing(folder, `commit ${last}`, Math.min(last, KEPT_GENERATIONS));
          expect(await temporariesIn(folder)).toEqual([]);
          if (!won) expect(await documentsIn(folder)).not.toContain("paused");
          outcomes.add(outcome);
          return true;
        });
        expect(calls).toBeGreaterThan(10);
        expect(outcomes).toEqual(new Set(["committed", "conflict"]));
      });
    }
  }

  it("reads on when the number it found is pruned before it can be read", async () => {
    const folder = await newRingFolder();
    await commitMany(folder, 1);
    let pauses = 0;
    const io = hookedIo({
      async before({ name }) {
        if (name !== "open" || pauses === 3) return;
        pauses += 1;
        await commitMany(folder, 9);
      },
    });
    expect((await fileStore(folder, io).load())?.document).toBe("commit 28");
  });
});

async function documentsIn(folder: string): Promise<string[]> {
  const names = await filesIn(folder);
  return Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
}

/** The ring is `document`, of a history of `length` numbers with no gap. */
async function expectRing(folder: string, document: string, length: number): Promise<void> {
  expect((await fileStore(folder).load())?.document).toBe(document);
  const numbers = (await filesIn(folder)).map((name) => Number(name.split(".")[1]));
  expect(numbers).toEqual(Array.from({ length }, (_, index) => (numbers[0] ?? 0) + index));
}
