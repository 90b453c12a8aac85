import { chmod, mkdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { formerNotesFileOf, notesFileOf } from "../../../src/node/audit/notes-file.ts";
import { fileAuditLog, readAuditLog } from "../../../src/node/audit-log.ts";
import { newPlace, put } from "../place.ts";
import { chainOf } from "./chain.ts";

const denied = { action: "revoke", caller: null, code: "unauthenticated", path: "/v1/keys/{kid}/revoke" };
const note = { denied: { at: 1_800_000_000, ...denied, leftOut: 0 } };
const LINE = `${JSON.stringify(note)}\n`;

let path: string;
beforeEach(async () => {
  path = join(await newPlace(), "audit.jsonl");
});

describe("notes beside the records", () => {
  it("stand in a file of their own, for its owner alone", async () => {
    const records = await chainOf(4);
    const log = fileAuditLog(path);
    await log.note(note);
    await Promise.all([log.append(records.slice(0, 2)), log.note(note), log.append(records)]);
    expect(await readFile(path, "utf8")).toBe(
      records.map((record) => `${JSON.stringify(record)}\n`).join(""),
    );
    expect(notesFileOf(path)).toBe(path.replace("audit.jsonl", "audit-notes.jsonl"));
    expect(await readFile(notesFileOf(path), "utf8")).toBe(LINE.repeat(2));
    expect((await stat(notesFileOf(path))).mode & 0o777).toBe(0o600);
  });

  it("take 16 MiB at most, whatever strangers do", async () => {
    const [notes, former] = [notesFileOf(path), formerNotesFileOf(path)];
    const log = fileAuditLog(path);
    await put(former, "older still\n");
    await put(notes, "x".repeat(8_388_607));
    await log.note(note);
    expect(await readFile(former, "utf8")).toBe("older still\n");
    await log.note(note);
    expect(await readFile(notes, "utf8")).toBe(LINE);
    expect((await readFile(former, "utf8")).endsWith(`x\n${LINE}`)).toBe(true);
  });

  it("that cannot be written are told, and hold up no record", async () => {
    const records = await chainOf(2);
    const log = fileAuditLog(path);
    await mkdir(notesFileOf(path));
    await expect(log.note(note)).rejects.toMatchObject({ code: "EISDIR" });
    await log.append(records);
    expect(await readAuditLog(path)).toEqual(records);
    await rm(notesFileOf(path), { recursive: true });
    await log.note(note);
    await chmod(notesFileOf(path), 0o644);
    await expect(log.note(note)).rejects.toMatchObject({ code: "store_permission" });
  });

  it("are left aside in a log of records, and hide none: what is more than a note is none", async () => {
    const [first, second] = await chainOf(2);
    const lines = (...contents: readonly unknown[]) =>
      contents.map((it) => `${JSON.stringify(it)}\n`).join("");
    await put(path, lines(note, first, note, second, note));
    expect(await readAuditLog(path)).toEqual([first, second]);
    for (const line of [{ ...first, denied: {} }, { denied: {}, apiToken: {} }, { refused: {} }]) {
      await put(path, lines(line));
      const read = await readAuditLog(path).catch((error) => error.code);
      expect(read).toEqual("hash" in line ? [line] : "audit_broken");
    }
  });
});
