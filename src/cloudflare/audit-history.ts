/** Every audit record that the object has seen, in its own storage: the ring itself keeps the newest 32. */
import type { AuditSource } from "../http/admin/audit-operations.ts";
import type { AuditRecord } from "../ring/audit.ts";
import { type ObjectStorage, storageRefusal } from "../store/durable-object.ts";

export interface AuditHistory extends AuditSource {
  /**
   * Records kept before are left as they are.
   *
   * @returns those that were not there before, whichever instance kept them: nobody else has told of them. Never
   *   throws: what finds no room is kept, and told of, with the next.
   */
  keep(records: readonly AuditRecord[]): readonly AuditRecord[];
  /** The newest: a ring behind it is not the one that was here. Undefined before the first. */
  newest(): AuditRecord | undefined;
}

const DESCRIPTION = "the Durable Object's storage (audit)";

/** @throws KeyturnError `store_unavailable`, as each of its reads does */
export function auditHistory(storage: Pick<ObjectStorage, "sql" | "transactionSync">): AuditHistory {
  const { sql } = storage;
  rows(TABLE);
  let unkept: readonly AuditRecord[] = [];

  const isNew = (record: AuditRecord) =>
    sql.exec(INSERT, record.generation, JSON.stringify(record)).toArray().length > 0;

  function rows(query: string, ...bindings: readonly number[]): readonly Record<string, unknown>[] {
    try {
      return sql.exec(query, ...bindings).toArray();
    } catch (error) {
      throw storageRefusal(error, DESCRIPTION);
    }
  }

  function found(query: string, ...bindings: readonly number[]): AuditRecord[] {
    return rows(query, ...bindings).map(({ record }) => JSON.parse(String(record)) as AuditRecord);
  }

  return {
    keep(records) {
      const all = [...unkept, ...records];
      try {
        const kept = storage.transactionSync(() => all.filter(isNew));
        unkept = [];
        return kept;
      } catch {
        // The commit that they tell of has been made, and stays. Whatever instance comes next gets the ring's own 32.
        unkept = all;
        return [];
      }
    },
    newest: () => found(NEWEST)[0],
    read: (after, limit) => found(READ, after, limit),
  };
}

const TABLE =
  "CREATE TABLE IF NOT EXISTS audit (generation INTEGER PRIMARY KEY, record TEXT NOT NULL) STRICT";
const INSERT = "INSERT OR IGNORE INTO audit (generation, record) VALUES (?, ?) RETURNING generation";
const NEWEST = "SELECT record FROM audit ORDER BY generation DESC LIMIT 1";

/** From the newest record back to the first that lacks its predecessor: what is read has no gap. */
const UNBROKEN_FROM =
  "SELECT MAX(generation) FROM audit AS later WHERE NOT EXISTS " +
  "(SELECT 1 FROM audit AS earlier WHERE earlier.generation = later.generation - 1)";
const READ = `SELECT record FROM audit WHERE generation >= (${UNBROKEN_FROM}) AND generation > ? ORDER BY generation LIMIT ?`;
