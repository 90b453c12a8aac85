/** GET /v1/audit from the audit log on this node's disk, which goes back to the first commit. */
import type { AuditSource } from "../../http/admin/index.ts";
import type { AuditRecord } from "../../ring/audit.ts";
import { auditRecordsIn } from "../audit-log.ts";

/** Reads the file anew each time, as far as it is asked for: other processes append to it. */
export function logSource(path: string): AuditSource {
  return {
    async read(after, limit) {
      const records: AuditRecord[] = [];
      for await (const record of auditRecordsIn(path)) {
        if (record.generation > after) records.push(record);
        if (records.length >= limit) break;
      }
      return records;
    },
  };
}
