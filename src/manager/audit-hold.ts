/** Changes that can wait do, while the audit sinks are too far behind; a revoke never waits. */
import { KeyturnError } from "../errors.ts";
import type { AuditRoom } from "../ring/audit-room.ts";
import type { KeyRing } from "../ring/ring.ts";
import type { Commit } from "./commit.ts";

/** How much room the ring's tail has for records that no audit sink has yet. Waits for no sink that hangs, after the first time. */
export type AuditRoomOf = (ring: KeyRing) => Promise<AuditRoom>;

/** The same commits, those of an operator refused where one more record would crowd the tail. */
export function heldByAudit(commit: Commit, room: AuditRoomOf | undefined): Commit {
  if (room === undefined) return commit;
  return (decide, cause, kek) =>
    commit(
      async (base, now) => {
        const change = await decide(base, now);
        if (base !== null && change !== null && change.event.event !== "revoke") {
          if ((await room(base.ring)) !== "ample") throw backlog();
        }
        return change;
      },
      cause,
      kek,
    );
}

function backlog(): KeyturnError {
  return new KeyturnError("audit_backlog", "The audit sinks are too far behind to take one more record.", {
    fix: "Mend the sink that does not acknowledge its records; `keyturn revoke` works meanwhile.",
  });
}
