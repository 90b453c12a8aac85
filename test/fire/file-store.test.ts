/** A small share of what `npm run prove` does to the file store in full. */
import { describe, expect, it } from "vitest";
import { fileStoreUnderFire } from "../proof/file-store.ts";
import { hookedKills } from "./hooked-kills.ts";

/** Many times what it takes, because a machine that is busy with other tests starts processes slowly. */
const TIMEOUT = 180_000;

describe(fileStoreUnderFire.title, () => {
  it("keeps the ring whole, and every acknowledged commit", { timeout: TIMEOUT }, async () => {
    const rows = await fileStoreUnderFire.run({ share: 0.01, seed: 1 });
    expect(rows.filter(({ ok }) => !ok)).toEqual([]);
    expect(rows.length).toBeGreaterThanOrEqual(5);
  });

  it("does so where strace cannot be had, at the calls that the store makes of node:fs", async () => {
    const rows = await hookedKills(0.1);
    expect(rows.filter(({ ok }) => !ok)).toEqual([]);
  });
});
