/**
 * What stands in an audit log beside the chain of records: attempts that were turned away, and API
 * tokens that came and went. A note is part of no commit, so the chain leaves it aside.
 */
import type { Clock } from "../../clock.ts";
import type { KeyturnEvent } from "../../telemetry/events.ts";

type Facts<T extends KeyturnEvent["type"]> = Omit<Extract<KeyturnEvent, { type: T }>, "type">;

export type AuditNote =
  | {
      readonly denied: Facts<"request_denied"> & {
        /** Epoch seconds. */
        readonly at: number;
        /** Attempts since the note before that were too many to be noted one by one. */
        readonly leftOut: number;
      };
    }
  | { readonly apiToken: Facts<"api_token_changed"> & { readonly at: number } };

/** Enough to see what somebody tries; the log is no weapon for whoever fills it. */
const DENIED_BURST = 30;

/** In the long run one in six seconds: about three megabytes a day. */
const DENIED_PER_SECOND = 1 / 6;

/** Makes notes of the events that are noted; null for every other, and for denied attempts that come too thick. */
export function auditNotes(clock: Clock): (event: KeyturnEvent) => AuditNote | null {
  let room = DENIED_BURST;
  let refilledAt = clock.monotonic();
  let leftOut = 0;

  function denied({ action, caller, code, path }: Facts<"request_denied">): AuditNote | null {
    const monotonic = clock.monotonic();
    room = Math.min(DENIED_BURST, room + (monotonic - refilledAt) * DENIED_PER_SECOND);
    refilledAt = monotonic;
    if (room < 1) {
      leftOut += 1;
      return null;
    }
    room -= 1;
    const note = { denied: { at: clock.now(), action, caller, code, path, leftOut } };
    leftOut = 0;
    return note;
  }

  return (event) => {
    if (event.type === "request_denied") return denied(event);
    if (event.type !== "api_token_changed") return null;
    const { type: _type, ...facts } = event;
    return { apiToken: { at: clock.now(), ...facts } };
  };
}

/** Whether a parsed line of an audit log is a note. */
export function isAuditNote(line: unknown): line is AuditNote {
  if (typeof line !== "object" || line === null) return false;
  const names = Object.keys(line);
  return names.length === 1 && (names[0] === "denied" || names[0] === "apiToken");
}
