/**
 * The only retry loop. Loads the ring, lets the caller decide on it, and replaces it if nobody
 * came first; when somebody did, everything is decided anew on what they left.
 */
import type { Clock } from "../clock.ts";
import { isKeyturnError, KeyturnError } from "../errors.ts";
import type { Kek } from "../keys/kek.ts";
import { sealRing } from "../keys/sealed-ring.ts";
import { AUDIT_TAIL_RECORDS, type AuditCause, type AuditEvent, chained, genesisHash } from "../ring/audit.ts";
import { assertRing, assertSuccession } from "../ring/invariant.ts";
import type { KeyRing } from "../ring/ring.ts";
import type { Change } from "../ring/step.ts";
import { type RingStore, ringMissing } from "../store/store.ts";
import type { OnEvent } from "../telemetry/events.ts";
import { readingOf, type Snapshot, type SnapshotHolder } from "./snapshot.ts";

/** Each lost attempt means that another node succeeded, so the fleet makes progress without any waiting. */
const ATTEMPTS_MAX = 20;

/**
 * What to do with the ring as loaded (null: there is none); null to leave it as it is. Called
 * again after every conflict. `now` never lies before the last commit, so that instants ascend
 * even where this node's clock is behind.
 */
export type Decide = (base: Snapshot | null, now: number) => Promise<Change | null>;

export interface Committed {
  readonly snapshot: Snapshot;
  /** What this call did; null when there was nothing to do. */
  readonly event: AuditEvent | null;
}

/** @param kek seals the document; default: the KEK that it is sealed under already. */
export type Commit = (decide: Decide, cause: AuditCause, kek?: Kek) => Promise<Committed>;

export function committer(options: {
  readonly store: RingStore;
  readonly kek: Kek;
  readonly clock: Clock;
  readonly snapshots: SnapshotHolder;
  readonly onEvent: OnEvent;
}): Commit {
  const { store, clock, snapshots, onEvent } = options;
  let queue: Promise<unknown> = Promise.resolve();

  /** One command at a time per node: a node does not race itself. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = queue.then(work, work);
    queue = turn.catch(() => undefined);
    return turn;
  }

  async function retrying(decide: Decide, cause: AuditCause, kek?: Kek): Promise<Committed> {
    for (let attempts = 0; attempts < ATTEMPTS_MAX; attempts++) {
      const base = await snapshots.reload();
      const now = Math.max(clock.now(), base?.ring.committedAt ?? 0);
      const change = await decide(base, now);
      if (change === null) return { snapshot: held(base), event: null };
      const next = await recorded(base?.ring ?? null, change, now, cause);
      const committed = await attempt(base, next, kek ?? base?.kek ?? options.kek);
      if (committed !== null) return { snapshot: committed, event: change.event };
    }
    throw new KeyturnError("conflict", `Other nodes committed first, ${ATTEMPTS_MAX} times in a row.`, {
      fix: "Try again. If this lasts, more writers share the ring than its policy has work for.",
    });
  }

  /** The snapshot of `next` once it is committed; null when another commit stands in its place. */
  async function attempt(base: Snapshot | null, next: KeyRing, kek: Kek): Promise<Snapshot | null> {
    if (base === null) assertRing(next);
    else assertSuccession(base.ring, next);
    const readAt = readingOf(clock);
    const document = await sealRing(next, kek);
    try {
      const revision = await store.replace(document, base?.revision ?? null);
      return await snapshots.adopt({ ring: next, kek }, revision, readAt);
    } catch (error) {
      if (isKeyturnError(error, "commit_unknown")) return reconcile(next);
      if (!isKeyturnError(error, "conflict")) throw error;
      onEvent({ type: "conflict" });
      return null;
    }
  }

  /** The answer to a write was lost: the chain in the store tells whether our record is in it. */
  async function reconcile(ours: KeyRing): Promise<Snapshot | null> {
    const snapshot = await snapshots.reload().catch((cause) => {
      throw new KeyturnError(
        "commit_unknown",
        "The commit may or may not have happened; the store cannot tell now.",
        {
          fix: "Nothing was lost. When the store answers again, `keyturn status` shows which; repeat the command.",
          cause,
        },
      );
    });
    const hash = ours.auditTail.at(-1)?.hash;
    const committed = snapshot?.ring.auditTail.some((record) => record.hash === hash) === true;
    onEvent({ type: "commit_reconciled", committed });
    return committed ? snapshot : null;
  }

  /** A null decision on a missing ring is the caller's way to say that it needs one. */
  function held(base: Snapshot | null): Snapshot {
    if (base !== null) return base;
    throw ringMissing(store);
  }

  return (decide, cause, kek) => inTurn(() => retrying(decide, cause, kek));
}

/** The change as the next generation, with its one audit record in the same document. */
async function recorded(
  base: KeyRing | null,
  { ring, event }: Change,
  now: number,
  cause: AuditCause,
): Promise<KeyRing> {
  const generation = (base?.generation ?? 0) + 1;
  const previous = base?.auditTail.at(-1)?.hash ?? (await genesisHash(ring.id));
  const record = await chained({ ring: ring.id, generation, at: now, ...event, ...cause, previous });
  const auditTail = [...ring.auditTail, record].slice(-AUDIT_TAIL_RECORDS);
  return { ...ring, generation, committedAt: now, auditTail };
}
