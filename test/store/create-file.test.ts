import { chmod, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { createFileOnce, temporaryTarget } from "../../src/store/create-file.ts";
import { assertPrivate, makeFolder } from "../../src/store/file-access.ts";
import { filesIn, newRingFolder } from "./folders.ts";
import { hookedIo, systemError } from "./hooked-io.ts";

describe("createFileOnce", () => {
  it("creates the file for its owner alone, whole, with nothing beside it", async () => {
    const folder = dirname(await newRingFolder());
    const path = join(folder, "kek");
    expect(await createFileOnce(path, "sécret")).toBe("created");
    expect(await readFile(path, "utf8")).toBe("sécret");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await filesIn(folder)).toEqual(["kek"]);
  });

  it("never touches a file that is there", async () => {
    const folder = dirname(await newRingFolder());
    const path = join(folder, "kek");
    await writeFile(path, "theirs");
    expect(await createFileOnce(path, "ours")).toBe("exists");
    expect(await readFile(path, "utf8")).toBe("theirs");
    expect(await filesIn(folder)).toEqual(["kek"]);
  });

  it("lets exactly one of 32 at once create it", async () => {
    const folder = dirname(await newRingFolder());
    const path = join(folder, "kek");
    const outcomes = await Promise.all(
      Array.from({ length: 32 }, (_, index) => createFileOnce(path, `${index}`)),
    );
    expect(outcomes.filter((outcome) => outcome === "created")).toHaveLength(1);
    expect(await readFile(path, "utf8")).toBe(`${outcomes.indexOf("created")}`);
    expect(await filesIn(folder)).toEqual(["kek"]);
  });

  it("gives up when told to once the content is written, and leaves nothing", async () => {
    const folder = dirname(await newRingFolder());
    const seen: string[] = [];
    const unless = async () => {
      const [name = ""] = await filesIn(folder);
      seen.push(temporaryTarget(name) ?? "", await readFile(join(folder, name), "utf8"));
      return true;
    };
    expect(await createFileOnce(join(folder, "kek"), "content", { unless })).toBe("exists");
    expect(seen).toEqual(["kek", "content"]);
    expect(await filesIn(folder)).toEqual([]);
  });

  it("makes the content durable before the name, and the name before it returns", async () => {
    const folder = dirname(await newRingFolder());
    const calls: string[] = [];
    const io = hookedIo({
      after: ({ name, path }) => {
        const what = path === folder ? "folder" : (temporaryTarget(path.slice(folder.length + 1)) ?? "final");
        calls.push(`${name} ${what === "kek" ? "temporary" : what}`);
      },
    });
    await createFileOnce(join(folder, "kek"), "content", { io });
    expect(calls).toEqual([
      "open folder",
      "open temporary",
      "writeFile temporary",
      "sync temporary",
      "close temporary",
      "link final",
      "unlink temporary",
      "sync folder",
      "close folder",
    ]);
  });

  it("refuses a folder that is not there", async () => {
    const path = join(await newRingFolder(), "kek");
    await expect(createFileOnce(path, "content")).rejects.toMatchObject({
      code: "store_unavailable",
      message: `Cannot open ${dirname(path)} (ENOENT).`,
    });
  });
});

describe("makeFolder", () => {
  it("makes every folder durable in the one that it was made in", async () => {
    const outside = dirname(await newRingFolder());
    const synced: string[] = [];
    const io = hookedIo({ after: ({ name, path }) => void (name === "sync" && synced.push(path)) });
    await makeFolder(join(outside, "a/b/c"), io);
    expect(synced).toEqual([join(outside, "a/b"), join(outside, "a"), outside]);
  });

  it("makes a folder durable also when whoever made it may have been killed before that", async () => {
    const folder = await newRingFolder();
    await mkdir(folder);
    const synced: string[] = [];
    const io = hookedIo({ after: ({ name, path }) => void (name === "sync" && synced.push(path)) });
    await makeFolder(folder, io);
    expect(synced).toEqual([dirname(folder)]);
  });

  it("makes do with a parent that it may enter but not list", async () => {
    const folder = await newRingFolder();
    const io = hookedIo({
      before: (call) => {
        if (call.name === "open") throw systemError("EACCES", call);
      },
    });
    await makeFolder(folder, io);
    expect((await stat(folder)).isDirectory()).toBe(true);
  });

  it("leaves the mode of a folder that is there to its owner", async () => {
    const folder = await newRingFolder();
    await mkdir(folder);
    await chmod(folder, 0o750);
    await makeFolder(folder);
    expect((await stat(folder)).mode & 0o777).toBe(0o750);
  });

  it("refuses a file in its place", async () => {
    const folder = await newRingFolder();
    await writeFile(folder, "");
    await expect(makeFolder(folder)).rejects.toMatchObject({ code: "store_unavailable" });
  });
});

describe("assertPrivate", () => {
  it("passes a file that only its owner can reach", async () => {
    const path = await newRingFolder();
    await writeFile(path, "");
    for (const mode of [0o600, 0o400]) {
      await chmod(path, mode);
      await assertPrivate(path);
    }
  });

  it("refuses any other, with the command that closes it", async () => {
    const path = await newRingFolder();
    await writeFile(path, "");
    for (const mode of [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o644, 0o777]) {
      await chmod(path, mode);
      await expect(assertPrivate(path), mode.toString(8)).rejects.toMatchObject({
        code: "store_permission",
        message: expect.stringContaining(`mode 0${mode.toString(8)}`),
        fix: expect.stringContaining(`chmod 0600 ${path}`),
      });
    }
  });

  it("refuses a file that is not there", async () => {
    const path = await newRingFolder();
    await expect(assertPrivate(path)).rejects.toMatchObject({ code: "store_unavailable" });
  });
});
