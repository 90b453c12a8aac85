import { chmod, mkdir, readFile, rename, stat, symlink, unlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fileStore, fileSystemWarning, KEPT_GENERATIONS } from "../../src/store/file.ts";
import { DOCUMENT_BYTES_MAX } from "../../src/store/store.ts";
import { storeContract } from "../../src/testing/index.ts";
import { commitMany, filesIn, newRingFolder, ringFile, seed, temporariesIn } from "./folders.ts";
import { hookedIo, systemError } from "./hooked-io.ts";

describe("fileStore", () => {
  describe("keeps the contract of every store:", () => {
    for (const { name, run } of storeContract) {
      it(name, async () => {
        const folder = await newRingFolder();
        await run({ open: async () => fileStore(folder) });
      });
    }
  });

  describe("on disk", () => {
    it("makes a folder and files that only their owner can reach", async () => {
      const folder = join(await newRingFolder(), "made", "too");
      await fileStore(folder).replace("first", null);
      expect(await modeOf(join(folder, ringFile(1)))).toBe("600");
      for (const made of [folder, join(folder, ".."), join(folder, "../..")])
        expect(await modeOf(made)).toBe("700");
    });

    it("tells when a commit got its name, however long ago its content was written", async () => {
      const folder = await newRingFolder();
      let linkedAt = 0;
      const slow = hookedIo({
        async before({ name }) {
          if (name !== "link") return;
          for (const temporary of await temporariesIn(folder)) await utimes(join(folder, temporary), 1, 1);
          linkedAt = Date.now() / 1000;
        },
      });
      await fileStore(folder, slow).replace("first", null);
      const storedAt = (await fileStore(folder).load())?.storedAt ?? 0;
      // The kernel stamps files by a clock that ticks every few milliseconds.
      expect(storedAt).toBeGreaterThan(linkedAt - 0.1);
      expect(storedAt).toBeLessThan(Date.now() / 1000 + 0.1);
    });

    it("makes durable what it reads, once, before anybody can act on it", async () => {
      const folder = await newRingFolder();
      await commitMany(folder, 1);
      const synced: string[] = [];
      const store = fileStore(
        folder,
        hookedIo({ before: ({ name, path }) => void (name === "sync" && synced.push(path)) }),
      );
      await store.load();
      await store.load();
      expect(synced).toEqual([folder]);
      await commitMany(folder, 1);
      await store.load();
      expect(synced).toEqual([folder, folder]);
    });

    it("tells nothing of a ring that it cannot make durable", async () => {
      const folder = await newRingFolder();
      await commitMany(folder, 1);
      const failing = hookedIo({
        before(call) {
          if (call.name === "sync") throw systemError("EIO", call);
        },
      });
      await expect(fileStore(folder, failing).load()).rejects.toMatchObject({ code: "store_unavailable" });
    });

    it("keeps the newest commit and the one before, each to the byte, and nothing else", async () => {
      const folder = await newRingFolder();
      await commitMany(folder, 20);
      const kept = [19, 20];
      expect(kept).toHaveLength(KEPT_GENERATIONS);
      expect(await filesIn(folder)).toEqual(kept.map(ringFile));
      for (const number of kept) {
        expect(await readFile(join(folder, ringFile(number)), "utf8")).toBe(`commit ${number}`);
      }
    });

    it("takes the highest number for the ring, and ignores and keeps whatever else is in the folder", async () => {
      const folder = await newRingFolder();
      await mkdir(folder, { recursive: true });
      await seed(folder, { 0: "zero", 11: "eleven" });
      const others = [
        "README",
        "kek",
        "ring.12.json",
        "ring.00000000012.json",
        "ring.0000000012.json.bad",
        "xring.0000000012.json",
        ".ring.0000000011.json.tmp",
        ".kek.0123456789abcdef01234567.tmp",
      ];
      for (const name of others) await writeFile(join(folder, name), "not a ring");
      const store = fileStore(folder);
      const stored = await store.load();
      expect(stored?.document).toBe("eleven");
      await store.replace("twelve", stored?.revision ?? null);
      expect(await filesIn(folder)).toEqual([...others, ...[0, 11, 12].map(ringFile)].sort());
    });

    it("removes what killed writers left of decided numbers, and leaves a running writer's file alone", async () => {
      const folder = await newRingFolder();
      await commitMany(folder, 9);
      const temporary = (number: number) => `.${ringFile(number)}.0123456789abcdef01234567.tmp`;
      for (const number of [1, 9, 10, 11]) await writeFile(join(folder, temporary(number)), "left");
      await commitMany(folder, 1);
      expect(await temporariesIn(folder)).toEqual([temporary(11)]);
    });

    it("goes on tidying when another process has removed a file first", async () => {
      const folder = await newRingFolder();
      await mkdir(folder);
      await seed(
        folder,
        Object.fromEntries([1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((number) => [number, "seeded"])),
      );
      const io = hookedIo({
        before: async ({ name, path }) => {
          if (name === "unlink" && path.endsWith(ringFile(1))) await unlink(path);
        },
      });
      const store = fileStore(folder, io);
      await store.replace("commit 11", (await store.load())?.revision ?? null);
      expect(await filesIn(folder)).toEqual([10, 11].map(ringFile));
    });

    it("goes back one commit when the newest file is moved away by hand, and on from there", async () => {
      const folder = await newRingFolder();
      await commitMany(folder, 3);
      const undone = (await fileStore(folder).load())?.revision ?? null;
      await rename(join(folder, ringFile(3)), join(folder, `${ringFile(3)}.bad`));

      const stored = await fileStore(folder).load();
      expect(stored?.document).toBe("commit 2");
      const redone = await fileStore(folder).replace("commit 3 again", stored?.revision ?? null);
      expect(redone).not.toBe(undone);
      await expect(fileStore(folder).replace("late", undone)).rejects.toMatchObject({ code: "conflict" });
    });

    it("conflicts when the folder was restored from a backup with the same number and another document", async () => {
      const folder = await newRingFolder();
      await commitMany(folder, 2);
      const revision = (await fileStore(folder).load())?.revision ?? null;
      await seed(folder, { 2: "restored" });
      await expect(fileStore(folder).replace("late", revision)).rejects.toMatchObject({ code: "conflict" });
      expect((await fileStore(folder).load())?.document).toBe("restored");
    });

    it("stops at the last number that a name can hold", async () => {
      const folder = await newRingFolder();
      await mkdir(folder);
      await seed(folder, { 9999999998: "last but one" });
      const store = fileStore(folder);
      const last = await store.replace("last", (await store.load())?.revision ?? null);
      await expect(store.replace("one more", last)).rejects.toMatchObject({ code: "store_full" });
      expect((await store.load())?.document).toBe("last");
    });
  });

  describe("refuses a ring it cannot trust, and never writes over it:", () => {
    const cases: readonly { name: string; bytes: string | Uint8Array; says: string }[] = [
      { name: "an empty file", bytes: "", says: "is empty" },
      { name: "a file that is not UTF-8", bytes: Uint8Array.of(0x7b, 0xff, 0x7d), says: "is not UTF-8" },
      {
        name: "a file cut in the middle of a character",
        bytes: Uint8Array.of(0x7b, 0xc3),
        says: "is not UTF-8",
      },
      {
        name: "a file over the limit",
        bytes: "x".repeat(DOCUMENT_BYTES_MAX + 1),
        says: "65537 bytes (limit 65536)",
      },
    ];
    for (const { name, bytes, says } of cases) {
      it(name, async () => {
        const folder = await newRingFolder();
        await commitMany(folder, 2);
        await seed(folder, { 3: bytes });
        await expectRefusedEverywhere(folder, "ring_corrupt", [says, join(folder, ringFile(3))]);
        expect(await filesIn(folder)).toEqual([1, 2, 3].map(ringFile));
      });
    }

    it("a folder in the place of a file", async () => {
      const folder = await newRingFolder();
      await mkdir(join(folder, ringFile(1)), { recursive: true });
      await expectRefusedEverywhere(folder, "ring_corrupt", ["is not a file"]);
    });

    for (const mode of [0o640, 0o604, 0o660, 0o601]) {
      it(`a file of mode 0${mode.toString(8)}`, async () => {
        const folder = await newRingFolder();
        await fileStore(folder).replace("first", null);
        const path = join(folder, ringFile(1));
        await chmod(path, mode);
        await expectRefusedEverywhere(folder, "store_permission", [
          `0${mode.toString(8)}`,
          `chmod 0600 ${path}`,
        ]);
        await chmod(path, 0o600);
        expect((await fileStore(folder).load())?.document).toBe("first");
      });
    }

    it("a link to a file that is gone", async () => {
      const folder = await newRingFolder();
      await mkdir(folder);
      await symlink(join(folder, "gone"), join(folder, ringFile(1)));
      await expectRefusedEverywhere(folder, "store_unavailable", ["vanishes", folder]);
    });

    it("a file in the place of the folder", async () => {
      const folder = await newRingFolder();
      await writeFile(folder, "not a folder");
      await expectRefusedEverywhere(folder, "store_unavailable", ["ENOTDIR", folder]);
    });
  });

  it("says who must be let in when the folder is closed to it", async () => {
    const folder = await newRingFolder();
    await commitMany(folder, 1);
    const io = hookedIo({
      before: (call) => {
        if (call.name === "readdir") throw systemError("EACCES", call);
      },
    });
    await expect(fileStore(folder, io).load()).rejects.toMatchObject({
      code: "store_permission",
      message: `Cannot list ${folder} (EACCES).`,
      fix: expect.stringContaining(`chmod 0700 ${folder}`),
    });
  });
});

describe("fileSystemWarning", () => {
  const types: readonly [string, number, string][] = [
    ["tmpfs", 0x01021994, "will not survive a reboot"],
    ["overlayfs", 0x794c7630, "gone with the container"],
    ["NFS", 0x6969, "on NFS"],
    ["SMB", 0x517b, "on SMB"],
    ["CIFS", 0xff534d42, "on SMB"],
    ["CIFS, where the number is signed", 0xff534d42 | 0, "on SMB"],
    ["SMB 2", 0xfe534d42, "on SMB"],
  ];
  for (const [name, type, says] of types) {
    it(`warns of ${name}`, async () => {
      expect(await fileSystemWarning("/ring", async () => type)).toContain(says);
    });
  }

  it("is silent about ext4, XFS, Btrfs and APFS", async () => {
    for (const type of [0xef53, 0x58465342, 0x9123683e, 0x1a]) {
      expect(await fileSystemWarning("/ring", async () => type)).toBeNull();
    }
  });

  it("judges a folder that is yet to be made by the one it will be made in", async () => {
    const typeOf = async (path: string) => {
      if (path.startsWith("/run/ring")) throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
      return path === "/run" ? 0x01021994 : 0xef53;
    };
    expect(await fileSystemWarning("/run/ring/a/b", typeOf)).toContain("/run is in memory");
    expect(await fileSystemWarning(await newRingFolder())).toBe(await fileSystemWarning(tmpdir()));
  });

  it("is silent when it cannot tell", async () => {
    const refuse = () => Promise.reject(Object.assign(new Error("EACCES"), { code: "EACCES" }));
    expect(await fileSystemWarning("/ring", refuse)).toBeNull();
  });
});

async function expectRefusedEverywhere(folder: string, code: string, says: readonly string[]): Promise<void> {
  const store = fileStore(folder);
  for (const attempt of [
    () => store.load(),
    () => store.replace("new", null),
    () => store.replace("new", "1.x"),
  ]) {
    const error = await attempt().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(error).toMatchObject({ code });
    const { message, fix } = error as { message: string; fix: string };
    for (const words of says) expect(`${message} ${fix}`).toContain(words);
  }
}

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}
