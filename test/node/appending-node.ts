/** A process that appends a chain to a log as a node that learns of it step by step: `appending-node.ts <log>`. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileAuditLog } from "../../src/node/audit-log.ts";
import type { AuditRecord } from "../../src/ring/audit.ts";

const path = process.argv[2] as string;
const records = JSON.parse(readFileSync(join(dirname(path), "chain.json"), "utf8")) as AuditRecord[];
const log = fileAuditLog(path);
for (let known = 1; known <= records.length; known++) await log.append(records.slice(0, known));
