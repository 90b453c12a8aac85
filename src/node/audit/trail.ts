/**
 * All audit sinks of a node behind one face. No sink waits for another. How far the slowest is
 * behind decides what may still be changed (`ring/audit-room.ts`).
 */
import type { Clock } from "../../clock.ts";
import type { AuditRoomOf } from "../../manager/audit-hold.ts";
import type { Anchor } from "../../manager/snapshot.ts";
import type { AuditRecord } from "../../ring/audit.ts";
import { auditRoom, unacknowledged } from "../../ring/audit-room.ts";
import type { KeyRing } from "../../ring/ring.ts";
import type { KeyturnEvent, OnEvent } from "../../telemetry/events.ts";
import { auditNotes } from "./note.ts";
import type { AuditSink } from "./sink.ts";

/** How one sink stands towards a ring. Plain data, fit for JSON and metrics. */
export interface SinkStanding {
  readonly sink: string;
  /** The generation acknowledged last; null when it is of another ring or there is none. */
  readonly acknowledged: number | null;
  /** Commits of the ring that the sink has no record of. */
  readonly backlogRecords: number;
  /** When the oldest of them was committed; null when there is none. */
  readonly backlogSince: number | null;
  readonly failing: boolean;
}

export interface AuditTrail {
  /** Gives the sinks what an event has for them: records, or a note. Waits for none of them. */
  readonly onEvent: OnEvent;
  /** Offers the ring's tail again, so that a sink that could write nothing for a while has what it missed. */
  catchUp(ring: KeyRing): void;
  /** Resolves when whatever was given to the local sinks has been written, or has failed. */
  settled(): Promise<void>;
  readonly room: AuditRoomOf;
  standing(ring: KeyRing): SinkStanding[];
  /** The newest record that any sink has acknowledged; a ring behind it is a restored backup. */
  anchor(): Anchor | null;
  /** Gives each sink one more try, and ends. */
  stop(): Promise<void>;
}

/** @param sinks the local one first: where sinks know different rings, its ring is the one that counts. */
export function auditTrail(options: {
  readonly sinks: readonly AuditSink[];
  readonly clock: Clock;
  readonly onEvent: OnEvent;
}): AuditTrail {
  const { sinks, onEvent } = options;
  const noteOf = auditNotes(options.clock);
  let settled: Promise<unknown> = Promise.resolve();

  function each(work: (sink: AuditSink) => Promise<void>): Promise<void> {
    const told = sinks.map((sink) => work(sink).catch((error) => onEvent({ type: "audit_failed", error })));
    settled = Promise.all([settled, ...told]);
    return settled.then(() => undefined);
  }

  const take = (records: readonly AuditRecord[]) => each((sink) => sink.append(records));

  function heard(event: KeyturnEvent): void {
    if (event.type === "ring_advanced") void take(event.records);
    const note = noteOf(event);
    if (note !== null) void each((sink) => sink.note(note));
  }

  return {
    onEvent: heard,
    catchUp: ({ auditTail }) => void take(auditTail),
    settled: () => settled.then(() => undefined),
    async room({ auditTail }) {
      // A sink that could not write has its next chance here, so that full is never for ever.
      await take(auditTail);
      const rooms = sinks.map((sink) => auditRoom(owed(sink, auditTail)));
      return rooms.find((room) => room === "none") ?? rooms.find((room) => room === "scarce") ?? "ample";
    },
    standing: ({ id, generation, auditTail }) =>
      sinks.map((sink) => {
        const last = sink.last();
        const acknowledged = last?.ring === id ? last.generation : null;
        return {
          sink: sink.name,
          acknowledged,
          backlogRecords: Math.max(0, generation - (acknowledged ?? 0)),
          backlogSince: unacknowledged(auditTail, last)[0]?.at ?? null,
          failing: sink.isFailing(),
        };
      }),
    anchor() {
      const known = sinks.map((sink) => sink.last()).filter((last) => last !== null);
      const ofOneRing = known.filter(({ ring }) => ring === known[0]?.ring);
      return ofOneRing.sort((a, b) => b.generation - a.generation)[0] ?? null;
    },
    async stop() {
      await settled;
      await Promise.all(sinks.map((sink) => sink.stop()));
    },
  };
}

/** A sink that is new, and has not failed, owes nothing yet: it is about to be sent the tail for the first time. */
function owed(sink: AuditSink, tail: readonly AuditRecord[]): AuditRecord[] {
  const last = sink.last();
  return last === null && !sink.isFailing() ? [] : unacknowledged(tail, last);
}
