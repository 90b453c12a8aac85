/** The model of a disk does what a real one does, as long as its power stays on. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fileStore } from "../../src/store/file.ts";
import type { FileIo } from "../../src/store/file-access.ts";
import { commitMany, newRingFolder } from "../store/folders.ts";
import { dice } from "./dice.ts";
import { Disk } from "./disk.ts";

const RING = "/home/ring";

async function commits(io: FileIo, times: number): Promise<void> {
  const store = fileStore(RING, io);
  for (let number = 1; number <= times; number++)
    await store.replace(`commit ${number}`, (await store.load())?.revision ?? null);
}

describe("Disk", () => {
  it("holds the same files as a real disk after the same commits", async () => {
    const disk = new Disk();
    await commits(disk.io, 7);
    const folder = await newRingFolder();
    await commitMany(folder, 7);
    const names = await readdir(folder);
    expect((await disk.io.readdir(RING)).sort()).toEqual(names.sort());
    for (const name of names) {
      const file = await disk.io.open(`${RING}/${name}`, "r");
      expect(Buffer.from(await file.readFile())).toEqual(await readFile(join(folder, name)));
    }
  });

  it("refuses what a real disk refuses", async () => {
    const { io } = new Disk();
    await io.mkdir(RING, { recursive: true, mode: 0o700 });
    await io.open(`${RING}/a`, "wx");
    await expect(io.open(`${RING}/a`, "wx")).rejects.toMatchObject({ code: "EEXIST" });
    await expect(io.open(`${RING}/b`, "r")).rejects.toMatchObject({ code: "ENOENT" });
    await expect(io.unlink(`${RING}/b`)).rejects.toMatchObject({ code: "ENOENT" });
    await expect(io.link(`${RING}/b`, `${RING}/c`)).rejects.toMatchObject({ code: "ENOENT" });
    await expect(io.link(`${RING}/a`, `${RING}/a`)).rejects.toMatchObject({ code: "EEXIST" });
    await expect(io.readdir("/away")).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("keeps through a power cut what was synced, and of the rest now this, now that", async () => {
    const disk = new Disk();
    await disk.io.mkdir("/home", { recursive: true, mode: 0o700 });
    await (await disk.io.open("/", "r")).sync();
    const home = await disk.io.open("/home", "r");
    const content = "x".repeat(5000);
    for (const name of ["safe", "unwritten"]) {
      const file = await disk.io.open(`/home/${name}`, "wx");
      await file.writeFile(content);
      if (name === "safe") await file.sync();
      await home.sync();
    }
    await disk.io.link("/home/safe", "/home/late");

    const seen = { late: new Set<boolean>(), whole: new Set<boolean>() };
    for (let draw = 0; draw < 50; draw++) {
      const { io } = disk.survivor(dice(draw));
      const read = async (name: string) => `${await (await io.open(`/home/${name}`, "r")).readFile()}`;
      expect(await read("safe")).toBe(content);
      seen.late.add((await io.readdir("/home")).includes("late"));
      seen.whole.add((await read("unwritten")) === content);
    }
    expect(seen.late).toEqual(new Set([true, false]));
    expect(seen.whole).toContain(false);
  });

  it("answers nothing more once its power is gone", async () => {
    const disk = new Disk();
    disk.cutAt = 3;
    await disk.io.mkdir("/home", { recursive: true, mode: 0o700 });
    await disk.io.readdir("/home");
    await expect(disk.io.readdir("/home")).rejects.toThrow("power");
    await expect(disk.io.readdir("/home")).rejects.toThrow("power");
  });
});
