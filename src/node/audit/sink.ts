/** Where audit records go: each sink gets all of them, at least once and in order. */
import { KeyturnError } from "../../errors.ts";
import type { Anchor } from "../../manager/snapshot.ts";
import type { AuditRecord } from "../../ring/audit.ts";
import type { AuditLog } from "../audit-log.ts";
import { afterSeconds, type Later } from "./later.ts";
import type { AuditNote } from "./note.ts";

export interface AuditSink {
  /** For people and metrics: `file`, `stdout`, `http`. */
  readonly name: string;
  /**
   * Takes those of `records` that are newer than the last one taken. Resolves soon: after a write to a
   * disk that works, never after a way over a network. Rejects when nothing could be written, or not yet;
   * they come later, before anything newer.
   */
  append(records: readonly AuditRecord[]): Promise<void>;
  /** Takes what stands beside the records. At most once. */
  note(note: AuditNote): Promise<void>;
  /** The last record that the sink has acknowledged, or null. */
  last(): Anchor | null;
  /** Whether its last attempt came to nothing. */
  isFailing(): boolean;
  /** Tries what is left once more, and ends. */
  stop(): Promise<void>;
}

/**
 * What a disk takes that works is a small part of it. A commit may wait for this, a revoke too, so that it
 * must be short; it is waited for once, and not again until the write that hangs is done.
 */
const WRITE_SECONDS_MAX = 2;

/** A file or stdout as a sink. One that hangs (a mount whose server is gone, a pipe that nobody reads) fails. */
export function logSink(
  name: "file" | "stdout" | "none",
  log: AuditLog,
  later: Later = afterSeconds,
): AuditSink {
  let failing = false;
  let hanging = 0;

  function inTime(write: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      let isLate = false;
      const giveUp = () => {
        isLate = true;
        hanging += 1;
        reject(hangs(name));
      };
      const callOff = hanging > 0 ? giveUp() : later(giveUp, WRITE_SECONDS_MAX);
      void write.then(resolve, reject).finally(() => {
        callOff?.();
        if (isLate) hanging -= 1;
      });
    });
  }

  return {
    name,
    async append(records) {
      try {
        await inTime(log.append(records));
        failing = false;
      } catch (error) {
        failing = true;
        throw error;
      }
    },
    async note(note) {
      // Notes that nobody takes must not pile up; a record is only ever due once.
      if (hanging > 0) throw hangs(name);
      await inTime(log.note(note));
    },
    last: () => log.last(),
    isFailing: () => failing,
    stop: async () => undefined,
  };
}

function hangs(name: string): KeyturnError {
  const who = name === "file" ? "The file of the audit log" : "Whoever reads the audit log from stdout";
  return new KeyturnError("audit_undelivered", `${who} takes longer than ${WRITE_SECONDS_MAX} s.`, {
    fix: "Mend its disk or mount, or its reader. The records stay in the ring's tail until then.",
  });
}
