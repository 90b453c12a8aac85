/**
 * The notes beside an audit log, in a file of their own: strangers can cause notes, and nothing that
 * strangers can cause may make the records slow to read, or fill the disk that they lie on.
 */
import { rename, stat } from "node:fs/promises";
import { join, parse } from "node:path";
import { codeOf } from "../../store/file-access.ts";
import { appendLines } from "./lines.ts";

/** Some fifty thousand notes: days of an attack, months of peace. The one before is kept as well. */
const NOTES_BYTES_MAX = 8_388_608;

/** `audit-notes.jsonl` beside `audit.jsonl`. */
export function notesFileOf(auditLog: string): string {
  const { dir, name, ext } = parse(auditLog);
  return join(dir, `${name}-notes${ext}`);
}

/** Where the notes before those stand. */
export function formerNotesFileOf(auditLog: string): string {
  return `${notesFileOf(auditLog)}.1`;
}

/** Appends a line to the notes beside `auditLog`; when they are full, they take the place of those before. */
export async function appendNote(auditLog: string, line: string): Promise<void> {
  const path = notesFileOf(auditLog);
  if ((await sizeOf(path)) >= NOTES_BYTES_MAX) await rename(path, formerNotesFileOf(auditLog));
  await appendLines(path, line);
}

async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  });
  return found?.size ?? 0;
}
