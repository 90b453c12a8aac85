/** When an object wakes itself. The alarm is its schedule; that it wakes too often or too late changes no hold. */
import type { TickResult } from "../manager/tick.ts";

/** Even where nothing is due for a month, a clock or an alarm may have been wrong. */
export const WAKE_SECONDS_MAX = 3600;

/** What keeps a due step waiting seldom passes sooner; the same as the usual schedule of a server. */
export const RETRY_SECONDS = 60;

/** A commit changes what is due: so soon after it the object looks. */
export const AFTER_COMMIT_SECONDS = 1;

/** Epoch seconds, after a tick at `now`. */
export function wakeAt({ blocked, nextDueAt }: TickResult, now: number): number {
  if (blocked !== null) return now + RETRY_SECONDS;
  const dueAt = nextDueAt ?? Number.POSITIVE_INFINITY;
  return Math.min(Math.max(dueAt, now + AFTER_COMMIT_SECONDS), now + WAKE_SECONDS_MAX);
}
