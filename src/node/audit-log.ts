/**
 * All audit records, appended to a file (0600, fsynced) or to stdout. Delivery is at least once
 * and in order: whatever the ring's tail holds beyond the last line is appended, so a crash
 * between commit and append is made good by the next start. Processes that share the file may
 * write a record twice; a line that repeats an earlier one to the byte says nothing new. Lines that
 * are notes, such as attempts that were turned away, stand beside the chain and are no part of it.
 */
import { open, readFile, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import { KeyturnError } from "../errors.ts";
import type { AuditRecord } from "../ring/audit.ts";
import { accessError, assertPrivate, makeFolder } from "../store/file-access.ts";
import { type AuditNote, isAuditNote } from "./audit/note.ts";

export interface AuditLog {
  /** Appends those of `records` that are newer than the last one written, after any that an earlier call could not. */
  append(records: readonly AuditRecord[]): Promise<void>;
  /** Appends a line that is no record. What cannot be written is not kept. */
  note(note: AuditNote): Promise<void>;
  /** The last record written, or null; a ring behind it is a restored backup. */
  last(): AuditRecord | null;
}

/** For whoever has another use for stdout: the ring's tail keeps the records for the next node that serves. */
export function noAuditLog(): AuditLog {
  return { append: async () => undefined, note: async () => undefined, last: () => null };
}

export function stdoutAuditLog(): AuditLog {
  let last: AuditRecord | null = null;
  return {
    async append(records) {
      for (const record of newer(records, last)) {
        process.stdout.write(lineOf(record));
        last = record;
      }
    },
    async note(note) {
      process.stdout.write(lineOf(note));
    },
    last: () => last,
  };
}

export async function fileAuditLog(path: string): Promise<AuditLog> {
  await makeFolder(dirname(path));
  await dropTornLine(path);
  let last = (await readAuditLog(path)).at(-1) ?? null;
  let due: AuditRecord[] = [];
  let queue: Promise<void> = Promise.resolve();

  async function write(records: readonly AuditRecord[]): Promise<void> {
    due = [...due, ...newer(records, due.at(-1) ?? last)];
    if (due.length === 0) return;
    await appended(path, due.map(lineOf).join(""));
    last = due.at(-1) ?? last;
    due = [];
  }

  /** One write at a time: a torn line is cut off before the next one begins. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    const turn = queue.then(work);
    queue = turn.catch(() => undefined);
    return turn;
  }

  return {
    append: (records) => inTurn(() => write(records)),
    note: (note) => inTurn(() => appended(path, lineOf(note))),
    last: () => last,
  };
}

function lineOf(content: AuditRecord | AuditNote): string {
  return `${JSON.stringify(content)}\n`;
}

async function appended(path: string, text: string): Promise<void> {
  try {
    const file = await open(path, "a", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await dropTornLine(path).catch(() => undefined);
    throw error;
  }
}

/** An append that a crash cut short must not swallow the next one; its record comes again from the ring's tail. */
async function dropTornLine(path: string): Promise<void> {
  const bytes = await readFile(path).catch(() => Buffer.alloc(0));
  const whole = bytes.lastIndexOf("\n") + 1;
  if (whole < bytes.length) await truncate(path, whole);
}

/**
 * The records of a log, repeated lines left out. A last line without its line feed is no record.
 *
 * @throws KeyturnError `audit_broken` when a line is not a record, `store_permission`
 */
export async function readAuditLog(path: string): Promise<AuditRecord[]> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw accessError(error, `read the audit log ${path}`, "mode 0600, owned by this user");
  });
  if (text !== null) await assertPrivate(path);
  const lines = new Map<string, AuditRecord | typeof NOTE>();
  for (const [i, line] of (text ?? "").split("\n").slice(0, -1).entries()) {
    if (!lines.has(line)) lines.set(line, parsed(line, i + 1, path));
  }
  return [...lines.values()].filter((content) => content !== NOTE);
}

/** Stands for a line that is a note. */
const NOTE = null;

function newer(records: readonly AuditRecord[], last: AuditRecord | null): AuditRecord[] {
  return records.filter((record) => last === null || record.generation > last.generation);
}

function parsed(line: string, number: number, path: string): AuditRecord | typeof NOTE {
  const content = jsonOf(line);
  if (isAuditNote(content)) return NOTE;
  const record = content as Partial<AuditRecord> | null;
  if (Number.isInteger(record?.generation) && typeof record?.hash === "string") return record as AuditRecord;
  throw new KeyturnError("audit_broken", `Line ${number} of ${path} is not an audit record.`, {
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
