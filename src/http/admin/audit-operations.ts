/** The audit over HTTP: as far back as it is kept where this node can read it. */
import * as z from "zod";
import type { KeyManager } from "../../manager/manager.ts";
import type { AuditRecord } from "../../ring/audit.ts";
import { type Operation, operation } from "../operation.ts";
import { auditView } from "./answers.ts";

/** Where records are read from, e.g. the audit log; the ring itself has the newest 32. */
export interface AuditSource {
  /**
   * Records with a generation above `after`, ascending and without a gap, at most `limit`. What is no longer
   * kept is left out at the beginning.
   */
  read(after: number, limit: number): Promise<readonly AuditRecord[]> | readonly AuditRecord[];
}

/** The records inside the ring, which no node is ever without. */
export function ringTail({ ring }: Pick<KeyManager, "ring">): AuditSource {
  return {
    read: (after, limit) =>
      ring()
        .auditTail.filter(({ generation }) => generation > after)
        .slice(0, limit),
  };
}

const RECORDS_DEFAULT = 100;

/** A record is half a kilobyte, and two with the longest of reasons. */
const RECORDS_MAX = 1_000;

const query = z.strictObject({
  after: wholeNumber(0, Number.MAX_SAFE_INTEGER)
    .optional()
    .describe("Only later generations. Default 0: from the beginning."),
  limit: wholeNumber(1, RECORDS_MAX)
    .optional()
    .describe(`Default ${RECORDS_DEFAULT}, at most ${RECORDS_MAX}.`),
});

export function auditOperations(
  { ring }: Pick<KeyManager, "ring">,
  source: AuditSource,
): readonly Operation[] {
  return [
    operation({
      id: "readAudit",
      method: "GET",
      path: "/v1/audit",
      about:
        "Who did what to the ring and why: one record per generation, each with the hash of the one before.",
      action: "read-audit",
      query,
      answer: auditView,
      async handle({ query: { after = 0, limit = RECORDS_DEFAULT } }) {
        const { id, generation } = ring();
        const records = [...(await source.read(after, limit))];
        const last = records.at(-1)?.generation ?? generation;
        return { ring: id, records, next: last < generation ? last : null };
      },
    }),
  ];
}

/** From the text of a parameter. */
function wholeNumber(least: number, most: number): z.ZodType<number, string> {
  const error = `Expected a whole number from ${least} to ${most}.`;
  return z
    .string({ error })
    .regex(/^(0|[1-9]\d{0,15})$/, { error })
    .transform(Number)
    .refine((value) => value >= least && value <= most, { error });
}
