/** Whether every wait was as long as promised, by the audit records alone: whole seconds, no estimate. */
import type { AuditEventName, AuditRecord } from "../ring/audit.ts";
import { emitHold, retireHold } from "../ring/hold.ts";
import type { RotationPolicy } from "../ring/policy.ts";

/** Each hold that was cut short, in words. `records` begin with the ring's first and were committed under `policy`. */
export function holdProblems(records: readonly AuditRecord[], policy: RotationPolicy): string[] {
  return records.flatMap((record, i) => {
    const before = records.slice(0, i);
    return [...emittedEarly(record, before, policy), ...droppedEarly(record, before, policy)];
  });
}

/** Events whose `newKid` emits from then on. */
export const EMITTING_EVENTS: readonly AuditEventName[] = ["init", "emit", "rollback", "revoke"];

/** A key that emits for the first time has been published for the emit hold. */
function emittedEarly(
  { event, newKid, at, earlyEmit }: AuditRecord,
  before: readonly AuditRecord[],
  policy: RotationPolicy,
): string[] {
  const emits = event === "emit" || (event === "revoke" && newKid !== null);
  const again = before.some((r) => EMITTING_EVENTS.includes(r.event) && r.newKid === newKid);
  if (!emits || again || earlyEmit === true) return [];
  // The standby of a new ring has no record of its own: it is published with the first commit.
  const published = before.find((r) => r.event === "accept" && r.newKid === newKid) ?? before[0];
  return tooShort(`${newKid} emitted`, "its publication", published, at, emitHold(policy).seconds);
}

/** A key that no operator revoked has retired for the retire hold. */
function droppedEarly(
  { event, oldKid, at, trigger }: AuditRecord,
  before: readonly AuditRecord[],
  policy: RotationPolicy,
): string[] {
  if (event !== "revoke" || trigger === "manual") return [];
  const retired = before.findLast((r) => ["emit", "rollback"].includes(r.event) && r.oldKid === oldKid);
  return retired === undefined
    ? []
    : tooShort(`${oldKid} was revoked`, "it retired", retired, at, retireHold(policy).seconds);
}

function tooShort(
  what: string,
  since: string,
  from: AuditRecord | undefined,
  at: number,
  hold: number,
): string[] {
  const waited = at - (from?.at ?? at);
  return waited >= hold ? [] : [`${what} ${waited} s after ${since}; the hold is ${hold} s.`];
}
