import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { fileTokenStore } from "../../src/node/file-token-store.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keyturn-token-store-"));
  path = join(folder, "api-token");
});
afterEach(() => rm(folder, { recursive: true }));

it("holds nothing at first, then what was saved last, for another process too", async () => {
  const store = fileTokenStore(join(folder, "not", "there", "yet"));
  expect(await store.load()).toBeNull();
  await store.save("keyturn_first");
  await store.save("keyturn_second");
  expect(await store.load()).toBe("keyturn_second");
  expect(await fileTokenStore(join(folder, "not", "there", "yet")).load()).toBe("keyturn_second");
});

it("holds the token and nothing else, as an operator puts it there", async () => {
  await writeFile(path, "keyturn_by_hand\n", { mode: 0o600 });
  expect(await fileTokenStore(path).load()).toBe("keyturn_by_hand");
  await fileTokenStore(path).save("keyturn_next");
  expect(await readFile(path, "utf8")).toBe("keyturn_next\n");
});

it("is its owner's alone, and leaves no drafts behind", async () => {
  const store = fileTokenStore(join(folder, "own", "api-token"));
  await store.save("keyturn_first");
  await store.save("keyturn_second");
  expect(await readdir(join(folder, "own"))).toEqual(["api-token"]);
  expect((await stat(join(folder, "own"))).mode & 0o777).toBe(0o700);
  expect((await stat(join(folder, "own", "api-token"))).mode & 0o777).toBe(0o600);
});

it("is not read where others can read it too", async () => {
  await writeFile(path, "keyturn_open\n");
  for (const mode of [0o644, 0o640, 0o602]) {
    await chmod(path, mode);
    await expect(fileTokenStore(path).load()).rejects.toMatchObject({ code: "store_permission" });
  }
});

it("makes an open file its owner's again when it replaces it", async () => {
  await writeFile(path, "keyturn_open\n", { mode: 0o644 });
  await fileTokenStore(path).save("keyturn_next");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await fileTokenStore(path).load()).toBe("keyturn_next");
});

it("is read whole while it is written by many", async () => {
  const store = fileTokenStore(path);
  const texts = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(2000));
  await store.save(texts[0] as string);
  const saving = Promise.all(texts.map((text) => store.save(text)));
  const read = await Promise.all(Array.from({ length: 50 }, () => store.load()));
  await saving;
  for (const text of read) expect(texts).toContain(text);
  expect(await readdir(folder)).toEqual(["api-token"]);
});

it("says when the place cannot be used, and never what was to be saved", async () => {
  const store = fileTokenStore("/dev/null/api-token");
  await expect(store.load()).rejects.toMatchObject({ code: "store_unavailable" });
  const error = await store.save("keyturn_S3cret").catch((error) => error);
  expect(error).toMatchObject({ name: "KeyturnError", code: "store_unavailable" });
  expect(`${error.message} ${error.fix} ${error.cause}`).not.toContain("S3cret");
  await expect(fileTokenStore(folder).load()).rejects.toMatchObject({ code: "store_unavailable" });
});
