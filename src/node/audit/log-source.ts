/** GET /v1/audit from the audit log on this node's disk, which goes back to the first commit. */
import type { AuditSource } from "../../http/admin/index.ts";
import { readAuditLog } from "../audit-log.ts";

/** Reads the file anew each time: other processes append to it, and it grows by a few lines a month. */
export function logSource(path: string): AuditSource {
  return {
    async read(after, limit) {
      const records = await readAuditLog(path);
      return records.filter(({ generation }) => generation > after).slice(0, limit);
    },
  };
}
