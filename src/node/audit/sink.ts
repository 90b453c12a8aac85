/** Where audit records go: each sink gets all of them, at least once and in order. */
import type { Anchor } from "../../manager/snapshot.ts";
import type { AuditRecord } from "../../ring/audit.ts";
import type { AuditLog } from "../audit-log.ts";
import type { AuditNote } from "./note.ts";

export interface AuditSink {
  /** For people and metrics: `file`, `stdout`, `http`. */
  readonly name: string;
  /**
   * Takes those of `records` that are newer than the last one taken. Resolves soon: after a write to a
   * disk, never after a way over a network. Rejects when nothing could be written; they come later,
   * before anything newer.
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

/** A file or stdout as a sink. */
export function logSink(name: "file" | "stdout" | "none", log: AuditLog): AuditSink {
  let failing = false;
  return {
    name,
    async append(records) {
      try {
        await log.append(records);
        failing = false;
      } catch (error) {
        failing = true;
        throw error;
      }
    },
    note: (note) => log.note(note),
    last: () => log.last(),
    isFailing: () => failing,
    stop: async () => undefined,
  };
}
