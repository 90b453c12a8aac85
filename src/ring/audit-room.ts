/**
 * How much the ring's tail can still hold for the audit sinks. A record that leaves the tail before
 * a sink has it may be lost to that sink, so changes that can wait do, and an emergency never does.
 */
import { AUDIT_TAIL_BYTES, AUDIT_TAIL_RECORDS, type AuditRecord, tailBytes } from "./audit.ts";

/** `scarce`: for the schedule and for revokes only. `none`: for revokes only, and each may push a record out. */
export type AuditRoom = "ample" | "scarce" | "none";

/** The share of the tail that operators' commands may fill; the rest is the schedule's. */
const MANUAL_SHARE = 0.8;

/** What a record of the schedule takes, and half as much again. */
const AUTOMATIC_RECORD_BYTES = 1024;

/** The longest record there is: reason and actor of 500 characters, three bytes each, and a whole policy. */
const MANUAL_RECORD_BYTES = 4096;

/** What a sink has acknowledged last: generation and hash of a record, of one ring. */
export type Acknowledged = Pick<AuditRecord, "ring" | "generation">;

/** Records of the tail that a sink has not acknowledged, oldest first. One that knows another ring has none of this. */
export function unacknowledged(tail: readonly AuditRecord[], last: Acknowledged | null): AuditRecord[] {
  return tail.filter(
    ({ ring, generation }) => last === null || last.ring !== ring || generation > last.generation,
  );
}

/** @param waiting the records of the tail that some sink lacks. */
export function auditRoom(waiting: readonly AuditRecord[]): AuditRoom {
  const bytes = tailBytes(waiting);
  const { length } = waiting;
  if (length >= AUDIT_TAIL_RECORDS || bytes + AUTOMATIC_RECORD_BYTES > AUDIT_TAIL_BYTES) return "none";
  const isScarce =
    length >= MANUAL_SHARE * AUDIT_TAIL_RECORDS || bytes + MANUAL_RECORD_BYTES > AUDIT_TAIL_BYTES;
  return isScarce ? "scarce" : "ample";
}
