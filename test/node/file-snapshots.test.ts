import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { fileSnapshots } from "../../src/node/file-snapshots.ts";

const KEY = `keyturn:jwks:https://auth.example.com/${"long/".repeat(60)}jwks.json`;

let place: string;
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "keyturn-snapshots-"));
});
afterEach(() => rm(place, { recursive: true }));

it("holds nothing at first, then what was saved last, for another process too", async () => {
  const folder = join(place, "not", "there", "yet");
  const store = fileSnapshots(folder);
  expect(await store.load(KEY)).toBeNull();
  await store.save(KEY, "first", 60);
  await store.save(KEY, "second", 60);
  expect(await fileSnapshots(folder).load(KEY)).toBe("second");
  expect(await store.load(`${KEY}?other`)).toBeNull();
});

it("is its owner's alone, and leaves no drafts behind", async () => {
  const folder = join(place, "snapshots");
  await fileSnapshots(folder).save(KEY, "{}", 60);
  const names = await readdir(folder);
  expect(names).toEqual([expect.stringMatching(/^[\w-]{43}\.json$/)]);
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
  expect((await stat(join(folder, names[0] as string))).mode & 0o777).toBe(0o600);
});

it("is read whole while it is written by many", async () => {
  const store = fileSnapshots(place);
  const texts = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(20_000));
  await store.save(KEY, texts[0] as string, 60);
  const saving = Promise.all(texts.map((text) => store.save(KEY, text, 60)));
  const read = await Promise.all(Array.from({ length: 50 }, () => store.load(KEY)));
  await saving;
  for (const text of read) expect(texts).toContain(text);
  expect(await readdir(place)).toHaveLength(1);
});

it("says when the folder cannot be used", async () => {
  const store = fileSnapshots("/dev/null/snapshots");
  await expect(store.load(KEY)).rejects.toMatchObject({ code: "ENOTDIR" });
  await expect(store.save(KEY, "{}", 60)).rejects.toMatchObject({ code: "ENOTDIR" });
});
