/**
 * All audit records, appended to a file (0600, fsynced) or to stdout. Delivery is at least once
 * and in order: whatever the ring's tail holds beyond the last line is appended, so a crash
 * between commit and append is made good by the next start. Processes that share the file may
 * write a record twice; a line that repeats an earlier one to the byte says nothing new, and neither
 * does the beginning of one, which a process leaves that is killed while it writes.
 */
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { KeyturnError } from "../errors.ts";
import { AUDIT_TAIL_RECORDS, type AuditRecord } from "../ring/audit.ts";
import { accessError, codeOf, makeFolder } from "../store/file-access.ts";
import { appendLines, linesFromEnd, linesOf, openLog } from "./audit/lines.ts";
import { type AuditNote, isAuditNote } from "./audit/note.ts";
import { appendNote } from "./audit/notes-file.ts";

export interface AuditLog {
  /**
   * Appends those of `records` that are newer than the last one written, after any that an earlier call
   * could not. What was written last, the first call finds out, also without records; until it could, all stay due.
   */
  append(records: readonly AuditRecord[]): Promise<void>;
  /** Takes what is no record. What cannot be written is not kept. */
  note(note: AuditNote): Promise<void>;
  /** The last record written; a ring behind it is a restored backup. Null where there is none, or none is known yet. */
  last(): AuditRecord | null;
}

/** For whoever has another use for stdout: the ring's tail keeps the records for the next node that serves. */
export function noAuditLog(): AuditLog {
  return { append: async () => undefined, note: async () => undefined, last: () => null };
}

export function stdoutAuditLog(): AuditLog {
  return { ...recordWriter(written, async () => null), note: (note) => written(lineOf(note)) };
}

/** Notes stand in a file beside it: `audit/notes-file.ts`. */
export function fileAuditLog(path: string): AuditLog {
  const notesInTurn = inTurn();
  const records = recordWriter(
    (text) => appendLines(path, text),
    async () => {
      await makeFolder(dirname(path));
      return newestRecord(path);
    },
  );
  return { ...records, note: (note) => notesInTurn(() => appendNote(path, lineOf(note))) };
}

function recordWriter(
  write: (text: string) => Promise<void>,
  newest: () => Promise<AuditRecord | null>,
): Pick<AuditLog, "append" | "last"> {
  const oneByOne = inTurn();
  let last: AuditRecord | null = null;
  let isLastKnown = false;
  let due: AuditRecord[] = [];

  async function writeDue(): Promise<void> {
    if (!isLastKnown) last = await newest();
    isLastKnown = true;
    due = newer(due, last);
    const batch = due;
    if (batch.length === 0) return;
    await write(batch.map(lineOf).join(""));
    last = batch.at(-1) ?? last;
    due = due.slice(batch.length);
  }

  return {
    append(records) {
      due = [...due, ...newer(records, due.at(-1) ?? last)];
      return oneByOne(writeDue);
    },
    last: () => last,
  };
}

/** One write at a time. */
function inTurn(): (work: () => Promise<void>) => Promise<void> {
  let queue: Promise<void> = Promise.resolve();
  return (work) => {
    const turn = queue.then(work);
    queue = turn.catch(() => undefined);
    return turn;
  };
}

/** Resolves when the system has taken the text, which it does not while nobody reads a pipe that is full. */
function written(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(unread(error)) : resolve()));
  });
}

function unread(cause: Error): KeyturnError {
  return new KeyturnError("audit_undelivered", `Nobody takes the audit log from stdout (${codeOf(cause)}).`, {
    fix: "Start what reads it, and then the node. The records stay in the ring's tail until then.",
    cause,
  });
}

function lineOf(content: AuditRecord | AuditNote): string {
  return `${JSON.stringify(content)}\n`;
}

/**
 * All records of a log, repeated lines left out. A last line without its line feed is no record.
 *
 * @throws KeyturnError `audit_broken` when a line is not a record, `store_permission`, `store_unavailable`
 */
export async function readAuditLog(path: string): Promise<AuditRecord[]> {
  const records: AuditRecord[] = [];
  for await (const record of auditRecordsIn(path)) records.push(record);
  return records;
}

/** The same one by one, for whoever needs no more than the first of them. */
export async function* auditRecordsIn(path: string): AsyncGenerator<AuditRecord> {
  const file = await openedLog(path);
  if (file === null) return;
  try {
    const seen = new Set<string>();
    let torn: { readonly text: string; readonly number: number }[] = [];
    let number = 0;
    for await (const text of linesOf(file)) {
      number += 1;
      if (seen.has(text)) continue;
      const content = contentOf(text);
      if (content === NO_RECORD) throw broken(`Line ${number} of ${path} is not an audit record.`);
      if (content === TORN) torn.push({ text, number });
      if (typeof content === "string") continue;
      seen.add(text);
      // Whoever writes a record has written those before it, so what was torn stands whole by now.
      const lost = torn.find((line) => ![...seen].some((whole) => whole.startsWith(line.text)));
      if (lost !== undefined) throw broken(`Line ${lost.number} of ${path} is not an audit record.`);
      torn = [];
      yield content;
    }
  } finally {
    await file.close();
  }
}

/** The newest record among the last ones; null when there is none. Read from the end, however long the log is. */
async function newestRecord(path: string): Promise<AuditRecord | null> {
  const file = await openedLog(path);
  if (file === null) return null;
  try {
    let newest: AuditRecord | null = null;
    let count = 0;
    for await (const text of linesFromEnd(file)) {
      const content = contentOf(text);
      if (content === NO_RECORD) throw broken(`A line near the end of ${path} is not an audit record.`);
      if (typeof content === "string") continue;
      count += 1;
      newest ??= content;
      if (content.ring === newest.ring && content.generation > newest.generation) newest = content;
      // Who shares the log may write late what others have written before, but nothing older than a tail.
      if (count === AUDIT_TAIL_RECORDS) break;
    }
    return newest;
  } finally {
    await file.close();
  }
}

async function openedLog(path: string): Promise<FileHandle | null> {
  return openLog(path).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return null;
    if (error instanceof KeyturnError) throw error;
    throw accessError(error, `read the audit log ${path}`, "mode 0600, owned by this user");
  });
}

function newer(records: readonly AuditRecord[], last: AuditRecord | null): AuditRecord[] {
  return records.filter((record) => last === null || record.generation > last.generation);
}

/** What a line is that is not a record: a note, which is none; the beginning of one; or what has no place there. */
const NOTE = "note";
const TORN = "torn";
const NO_RECORD = "no record";

function contentOf(line: string): AuditRecord | typeof NOTE | typeof TORN | typeof NO_RECORD {
  const content = jsonOf(line);
  if (isAuditNote(content)) return NOTE;
  const record = content as Partial<AuditRecord> | null;
  if (Number.isInteger(record?.generation) && typeof record?.hash === "string") return record as AuditRecord;
  const isTorn = content === null && (line.startsWith(BEGINNING) || BEGINNING.startsWith(line));
  return isTorn ? TORN : NO_RECORD;
}

/** How the line of every record begins. */
const BEGINNING = '{"ring":"';

function broken(message: string): KeyturnError {
  return new KeyturnError("audit_broken", message, {
    fix: "Move it aside to go on, and compare it with another copy (the ring's own tail, a backup, a forwarded log).",
  });
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
