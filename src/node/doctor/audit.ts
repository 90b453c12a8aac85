/** The audit log and what its receiver is sent with: whether they can be read, and what they say of the ring. */
import { existsSync } from "node:fs";
import { isKeyturnError } from "../../errors.ts";
import { type AuditRecord, verifyChain } from "../../ring/audit.ts";
import { receiverOf } from "../audit/delivery.ts";
import { readAuditLog } from "../audit-log.ts";
import type { Config } from "../config.ts";
import { readAuditToken } from "../secrets.ts";
import type { RingEvidence } from "./evidence.ts";
import { type Fault, type Finding, failing, faulty, finding, warning } from "./finding.ts";

/** Null where the log goes to stdout. @param opened the ring; null where it cannot be read */
export async function checkAuditLog(
  { auditLog }: Pick<Config, "auditLog">,
  opened: RingEvidence | null,
): Promise<Finding | null> {
  if (auditLog === "stdout") return null;
  return orFaulty("audit-log", async () => {
    const records = await readAuditLog(auditLog);
    await verifyChain(records);
    return finding(
      "audit-log",
      faultsOf(records, opened),
      `${records.length} records, none changed or missing.`,
    );
  });
}

function faultsOf(records: readonly AuditRecord[], opened: RingEvidence | null): Fault[] {
  const [first, last] = [records[0], records.at(-1)];
  if (first === undefined || last === undefined) {
    return opened === null ? [] : [lacking(opened.ring.generation)];
  }
  const faults: Fault[] = [];
  if (first.generation > 1) {
    faults.push(
      warning(
        `The audit log begins with generation ${first.generation}.`,
        "Put the older log before it, in one file, or keep it where you find it.",
      ),
    );
  }
  if (opened === null) return faults;
  const { id, generation } = opened.ring;
  if (last.ring !== id || last.generation > generation) {
    faults.push(
      failing(
        `The audit log has seen generation ${last.generation} of ring ${last.ring}; the ring is ${id} at ${generation}.`,
        "Put the newest ring back: a restored backup could raise revoked keys.",
      ),
    );
  } else if (last.generation < generation) faults.push(lacking(generation - last.generation));
  return faults;
}

function lacking(count: number): Fault {
  return warning(
    `The audit log lacks the newest ${count === 1 ? "record" : `${count} records`} of the ring.`,
    "Let `keyturn serve` run: it appends what the ring still holds, and its log says if it cannot.",
  );
}

/** Null where records are sent nowhere. @param environment Nothing is deleted from it. */
export async function checkAuditUrl(
  config: Config,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Finding | null> {
  const { auditUrl, auditTokenFile } = config;
  if (auditUrl === null) return null;
  const isMissing =
    environment["KEYTURN_AUDIT_TOKEN"] === undefined &&
    auditTokenFile !== null &&
    !existsSync(auditTokenFile);
  if (isMissing) {
    const what = `${auditTokenFile} is not there, so records are sent without a token.`;
    return faulty(
      "audit-url",
      failing(what, "Put the receiver's token there, or take auditTokenFile out of the configuration."),
    );
  }
  return orFaulty("audit-url", async () => {
    const { url } = receiverOf(auditUrl, await readAuditToken(config, { ...environment }));
    return finding("audit-url", [], `Records can be sent to ${url.origin}.`);
  });
}

/** A refusal is a finding; anything else is a bug, and shows as one. */
async function orFaulty(name: string, look: () => Promise<Finding>): Promise<Finding> {
  try {
    return await look();
  } catch (error) {
    if (!isKeyturnError(error)) throw error;
    return faulty(name, failing(error.message, error.fix));
  }
}
