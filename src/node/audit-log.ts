/**
 * All audit records, appended to a file (0600, fsynced) or to stdout. Delivery is at least once
 * and in order: whatever the ring's tail holds beyond the last line is appended, so a crash
 * between commit and append is made good by the next start. Processes that share the file may
 * write a record twice; a line that repeats an earlier one to the byte says nothing new.
 */
import { open, readFile, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import { KeyturnError } from "../errors.ts";
import type { AuditRecord } from "../ring/audit.ts";
import { accessError, assertPrivate, makeFolder } from "../store/file-access.ts";

export interface AuditLog {
  /** Appends those of `records` that are newer than the last one written, after any that an earlier call could not. */
  append(records: readonly AuditRecord[]): Promise<void>;
  /** The last record written, or null; a ring behind it is a restored backup. */
  last(): AuditRecord | null;
}

/** For whoever has another use for stdout: the ring's tail keeps the records for the next node that serves. */
export function noAuditLog(): AuditLog {
  return { append: async () => undefined, last: () => null };
}

export function stdoutAuditLog(): AuditLog {
  let last: AuditRecord | null = null;
  return {
    async append(records) {
      for (const record of newer(records, last)) {
        process.stdout.write(`${JSON.stringify(record)}\n`);
        last = record;
      }
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
    try {
      await appended(path, due.map((record) => `${JSON.stringify(record)}\n`).join(""));
    } catch (error) {
      await dropTornLine(path).catch(() => undefined);
      throw error;
    }
    last = due.at(-1) ?? last;
    due = [];
  }

  return {
    append(records) {
      const turn = queue.then(() => write(records));
      queue = turn.catch(() => undefined);
      return turn;
    },
    last: () => last,
  };
}

async function appended(path: string, text: string): Promise<void> {
  const file = await open(path, "a", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
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
  const lines = new Map<string, AuditRecord>();
  for (const [i, line] of (text ?? "").split("\n").slice(0, -1).entries()) {
    if (!lines.has(line)) lines.set(line, parsed(line, i + 1, path));
  }
  return [...lines.values()];
}

function newer(records: readonly AuditRecord[], last: AuditRecord | null): AuditRecord[] {
  return records.filter((record) => last === null || record.generation > last.generation);
}

function parsed(line: string, number: number, path: string): AuditRecord {
  const record = jsonOf(line) as Partial<AuditRecord> | null;
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
