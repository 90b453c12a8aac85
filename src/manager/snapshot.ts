/**
 * The last good ring that this node has seen, with its emitter ready to sign. It only ever moves
 * forward: a ring older than one seen, or of another history, is refused however it got there.
 */
import { ageAt, before, type Clock, type Reading, readingOf, secondsSince } from "../clock.ts";
import { isKeyturnError, KeyturnError } from "../errors.ts";
import { selfTest } from "../keys/generate.ts";
import type { Kek } from "../keys/kek.ts";
import { openJwk } from "../keys/seal.ts";
import { type OpenedRing, openRing } from "../keys/sealed-ring.ts";
import { createSigner, type Signer } from "../keys/signer.ts";
import { datedByArrival } from "../ring/arrival.ts";
import type { AuditRecord } from "../ring/audit.ts";
import { emitterOf } from "../ring/phase.ts";
import type { KeyRing } from "../ring/ring.ts";
import type { RingStore, Stored } from "../store/store.ts";
import type { OnEvent } from "../telemetry/events.ts";

/** An opened ring whose emitter has proved that it can sign. */
export interface ReadyRing extends OpenedRing {
  readonly signer: Signer;
}

export interface Snapshot extends ReadyRing {
  readonly revision: string;
  /** Readings of both clocks from before the load began, so that its age is never understated. */
  readonly readAt: Reading;
}

/** What a log kept outside the store last saw; a ring behind it is a restored backup. */
export type Anchor = Pick<AuditRecord, "ring" | "generation" | "hash">;

export interface SnapshotOptions {
  readonly store: RingStore;
  readonly keks: readonly Kek[];
  readonly clock: Clock;
  readonly tokenTyp: string;
  readonly anchor?: Anchor | undefined;
  /** Told of every ring read and found good, with the clocks of when it was asked for and of now. */
  readonly onRead: (ring: KeyRing, askedAt: Reading, reading: Reading) => void;
  readonly onEvent: OnEvent;
}

export interface SnapshotHolder {
  /** The last good snapshot, or null before the first. */
  current(): Snapshot | null;
  /** Loads the store's ring and takes it up; null when the store holds none. */
  reload(): Promise<Snapshot | null>;
  /** Puts the emitter to the test. A ring that fails is neither taken up nor committed. */
  ready(opened: OpenedRing): Promise<ReadyRing>;
  /** Takes up a ring that this node decided on at `decidedAt` and has now committed in place of `base`. */
  adopt(ready: ReadyRing, revision: string, decidedAt: Reading, base: Snapshot | null): Snapshot;
  /** The same for one that it had no answer about, and has now found in the store. */
  reconcile(found: Snapshot, ring: KeyRing, decidedAt: Reading): Snapshot;
}

export function snapshotHolder(options: SnapshotOptions): SnapshotHolder {
  const { store, keks, clock, tokenTyp, onEvent } = options;
  let current: Snapshot | null = null;
  let failing = false;

  async function reload(): Promise<Snapshot | null> {
    const askedAt = readingOf(clock);
    const base = current;
    try {
      const stored = await store.load();
      if (stored === null) assertNothingSeen();
      const taken =
        stored === null ? null : await take(stored, before(askedAt, stored.ageSeconds ?? 0), base);
      if (failing) onEvent({ type: "store_recovered" });
      failing = false;
      return taken;
    } catch (error) {
      failing = true;
      const failure = asFailure(error, store);
      onEvent({ type: "store_failed", error: failure });
      throw failure;
    }
  }

  async function take(stored: Stored, readAt: Reading, base: Snapshot | null): Promise<Snapshot> {
    const { document, revision, storedAt = 0 } = stored;
    if (current?.revision === revision) return renewed(current, readAt);
    const opened = await openRing(document, keks);
    const ring = asFirstSeen(opened.ring, storedAt);
    return advance(await ready({ ...opened, ring }), revision, readAt, base, false);
  }

  /** The ring by when it arrived. One that was seen before arrived then, whoever puts a copy of it back. */
  function asFirstSeen(ring: KeyRing, storedAt: number): KeyRing {
    if (current !== null && headOf(current.ring).hash === headOf(ring).hash) return current.ring;
    const takenAt = Math.floor(storedAt);
    const { now, monotonic } = readingOf(clock);
    // A store whose clock is off by more than the skew is no witness.
    if (takenAt > now + ring.policy.skewSeconds) return ring;
    const atMost = Math.min(now, takenAt);
    if (current === null) return datedByArrival(ring, { borneOut: atMost, atMost });
    const { readAt } = current;
    const believable = readAt.now + Math.floor(monotonic - readAt.monotonic) + ring.policy.skewSeconds;
    return datedByArrival(ring, { borneOut: Math.min(atMost, believable), atMost });
  }

  /** A ring of this node's own: it arrived between the decision and now. */
  function asDecided(ring: KeyRing, decidedAt: Reading): KeyRing {
    const reading = readingOf(clock);
    return datedByArrival(ring, {
      borneOut: ring.committedAt + Math.floor(reading.monotonic - decidedAt.monotonic),
      atMost: ring.committedAt + Math.floor(secondsSince(decidedAt, reading)),
    });
  }

  /** @param base what was current when this load or commit began: what it must not fall behind. */
  function advance(
    opened: ReadyRing,
    revision: string,
    readAt: Reading,
    base: Snapshot | null,
    own: boolean,
  ): Snapshot {
    assertForward(opened.ring, base === null ? options.anchor : headOf(base.ring));
    // Another load or commit may have taken up a newer ring meanwhile; of the same history, or one of them lies.
    if (current !== null && current.ring.generation > opened.ring.generation) {
      assertForward(current.ring, headOf(opened.ring));
      return current;
    }
    if (current !== null) assertForward(opened.ring, headOf(current.ring));
    const seen = current?.ring.generation ?? 0;
    current = { ...opened, revision, readAt };
    options.onRead(opened.ring, readAt, readingOf(clock));
    const records = opened.ring.auditTail.filter((record) => record.generation > seen);
    if (records.length > 0) onEvent({ type: "ring_advanced", records, own });
    return current;
  }

  function renewed(snapshot: Snapshot, readAt: Reading): Snapshot {
    // A slow read may answer after a later one; one that lies ahead is none.
    const isOvertaken = readAt.monotonic < snapshot.readAt.monotonic;
    if (isOvertaken && Number.isFinite(ageSeconds(snapshot, readingOf(clock)))) return snapshot;
    current = { ...snapshot, readAt };
    options.onRead(snapshot.ring, readAt, readingOf(clock));
    return current;
  }

  async function ready(opened: OpenedRing): Promise<ReadyRing> {
    const { ring, kek } = opened;
    const emitter = emitterOf(ring);
    if (current?.signer.kid === emitter.kid) return { ...opened, signer: current.signer };
    const privateJwk = await openJwk(emitter.sealedJwk, { ring: ring.id, kid: emitter.kid }, kek);
    await selfTest(emitter, privateJwk);
    return { ...opened, signer: await createSigner(emitter, privateJwk, tokenTyp) };
  }

  function assertNothingSeen(): void {
    if (current === null && options.anchor === undefined) return;
    throw rolledBack("the store no longer holds a ring");
  }

  return {
    current: () => current,
    reload,
    ready,
    adopt: (committed, revision, decidedAt, base) =>
      advance({ ...committed, ring: asDecided(committed.ring, decidedAt) }, revision, decidedAt, base, true),
    reconcile(found, committed, decidedAt) {
      const isHead = headOf(found.ring).hash === headOf(committed).hash;
      // A store that dates has said it already.
      if (!isHead || current !== found || found.ring.committedAt !== committed.committedAt) return found;
      current = { ...found, ring: asDecided(found.ring, decidedAt) };
      options.onRead(current.ring, found.readAt, readingOf(clock));
      return current;
    },
  };
}

/** Seconds since the snapshot was read. */
export function ageSeconds({ readAt }: Snapshot, reading: Reading): number {
  return ageAt(readAt, reading);
}

function headOf(ring: KeyRing): Anchor {
  return ring.auditTail.at(-1) as AuditRecord;
}

/** A node never acts on a lower generation than it has seen, nor on a history that forked from it. */
function assertForward(ring: KeyRing, seen: Anchor | undefined): void {
  if (seen === undefined) return;
  if (ring.id !== seen.ring)
    throw rolledBack(`it is ring ${ring.id}, where ring ${seen.ring} was seen before`);
  if (ring.generation < seen.generation) {
    throw rolledBack(`it is at generation ${ring.generation}, where ${seen.generation} was seen before`);
  }
  const then = ring.auditTail.find(({ generation }) => generation === seen.generation);
  if (then !== undefined && then.hash !== seen.hash) {
    throw rolledBack(`its history differs from the one seen, from generation ${seen.generation} on`);
  }
}

function rolledBack(why: string): KeyturnError {
  return new KeyturnError("ring_rolled_back", `The stored ring is not the one this node has seen: ${why}.`, {
    fix:
      "A restored backup could raise revoked keys. Put the newest ring back; only if it is lost for good, move " +
      "aside what remembers it (the audit log, and `audit-url.position` in the folder), restart, and rotate.",
  });
}

function asFailure(error: unknown, store: RingStore): KeyturnError {
  if (isKeyturnError(error)) return error;
  return new KeyturnError("store_unavailable", `The ring could not be read from ${store.description}.`, {
    fix: "Check that the store can be reached; this node signs on until its lease ends.",
    cause: error,
  });
}
