/**
 * Audit records sent to another machine, which is what makes them evidence: whoever can rewrite
 * this machine's log cannot rewrite that one. At least once and in order; the position
 * acknowledged last is kept in a file, so that a restart goes on where this process ended.
 */
import { systemChance } from "../../chance.ts";
import { KeyturnError } from "../../errors.ts";
import type { Anchor } from "../../manager/snapshot.ts";
import type { AuditRecord } from "../../ring/audit.ts";
import { unacknowledged } from "../../ring/audit-room.ts";
import { backoffSeconds, deliver, type Receiver } from "./delivery.ts";
import { afterSeconds, type Later } from "./later.ts";
import type { AuditNote } from "./note.ts";
import { readPosition, writePosition } from "./position.ts";
import type { AuditSink } from "./sink.ts";

export interface HttpSinkOptions {
  /** Asked before each delivery; one that cannot be told yet is a delivery that failed. */
  readonly receiver: () => Promise<Receiver>;
  /** Where the acknowledged position is kept. */
  readonly positionFile: string;
  /**
   * All records that this machine has, for a receiver that lacks some the ring's tail no longer holds. Where they
   * cannot be read, nothing is sent until they can: what is left out once is left out for ever. Default: none.
   */
  readonly archive?: () => Promise<readonly AuditRecord[]>;
  /** Told of each attempt that failed, and of records that are lost to this sink. */
  readonly onFailure: (error: unknown) => void;
  /** Default: a timer that keeps no process alive. */
  readonly later?: Later;
  /** In [0, 1), for jitter. Default: the machine's. */
  readonly chance?: () => number;
}

/** One request carries no more: receivers commonly take a megabyte, and a record is half a kilobyte. */
const RECORDS_MAX = 100;

/** Notes are sent at most once; those of an hour of an attack while the receiver is down. */
const NOTES_MAX = 600;

export async function httpSink(options: HttpSinkOptions): Promise<AuditSink> {
  const { receiver, positionFile, archive = async () => [], onFailure } = options;
  const { later = afterSeconds, chance = systemChance } = options;
  let position = await positionIn(positionFile, onFailure);
  let due: AuditRecord[] = [];
  const notes: AuditNote[] = [];
  /** The record before which the archive has been asked. */
  let filledBefore: AuditRecord | null = null;
  let failures = 0;
  let underWay: Promise<void> | null = null;
  let callOff: (() => void) | null = null;
  let stopped = false;

  const isBehind = () => due.length > 0 || notes.length > 0;

  function start(): void {
    callOff?.();
    callOff = null;
    if (underWay !== null || !isBehind()) return;
    underWay = sendAll().finally(() => {
      underWay = null;
      if (stopped) return;
      if (failures === 0) start();
      else callOff = later(start, backoffSeconds(failures, chance()));
    });
  }

  async function sendAll(): Promise<void> {
    try {
      do await sendSome();
      while (isBehind() && !stopped);
    } catch (error) {
      failures += 1;
      onFailure(error);
    }
  }

  async function sendSome(): Promise<void> {
    await fillGap();
    const to = await receiver();
    const records = due.slice(0, RECORDS_MAX);
    // Taken out before it is known whether they arrive: at most once. A receiver that fails is tried with
    // records, or with a single note, so that an outage does not cost them all.
    const beside = notes.splice(0, failures === 0 ? NOTES_MAX : Number(records.length === 0));
    await deliver(
      to,
      [...records, ...beside].map((content) => JSON.stringify(content)),
    );
    failures = 0;
    due = due.slice(records.length);
    const last = records.at(-1);
    if (last === undefined) return;
    position = last;
    // Without it a restart sends the same once more, which a receiver tells by the hash.
    await writePosition(positionFile, last).catch(onFailure);
  }

  /** What left the ring's tail before it could be sent comes from this machine's own log. */
  async function fillGap(): Promise<void> {
    const [first] = due;
    if (first === undefined || first === filledBefore) return;
    const wanted = first.generation - nextGeneration(position, first);
    if (wanted <= 0) return;
    const missing = unacknowledged(await archive(), position).filter(
      ({ ring, generation }) => ring === first.ring && generation < first.generation,
    );
    if (missing.length < wanted) onFailure(lost(wanted - missing.length, first));
    due = [...missing, ...due];
    // Asked once: what is not there now will not be there later.
    filledBefore = due[0] as AuditRecord;
  }

  return {
    name: "http",
    async append(records) {
      due.push(...unacknowledged(records, due.at(-1) ?? position));
      if (callOff === null && !stopped) start();
    },
    async note(note) {
      if (notes.length < NOTES_MAX) notes.push(note);
      if (callOff === null && !stopped) start();
    },
    last: () => position,
    isFailing: () => failures > 0,
    async stop() {
      stopped = true;
      await underWay;
      start();
      await underWay;
    },
  };
}

/** For commands, which leave the sending to the nodes that serve: how far those have come. */
export async function positionSink(
  positionFile: string,
  onFailure: HttpSinkOptions["onFailure"],
): Promise<AuditSink> {
  const position = await positionIn(positionFile, onFailure);
  return {
    name: "http",
    append: async () => undefined,
    note: async () => undefined,
    last: () => position,
    isFailing: () => false,
    stop: async () => undefined,
  };
}

/** Without it everything is sent once more, which is no reason for a node not to start. */
function positionIn(path: string, onFailure: HttpSinkOptions["onFailure"]): Promise<Anchor | null> {
  return readPosition(path).catch((error: unknown) => {
    onFailure(error);
    return null;
  });
}

function nextGeneration(position: Anchor | null, { ring }: AuditRecord): number {
  return position?.ring === ring ? position.generation + 1 : 1;
}

function lost(count: number, { generation }: AuditRecord): KeyturnError {
  const records = count === 1 ? "1 record" : `${count} records`;
  return new KeyturnError(
    "audit_broken",
    `An audit sink was never sent ${records} before generation ${generation}, and they are not in the audit log.`,
    { fix: "Put them before the rest from another copy of the log; the sink goes on with what there is." },
  );
}
