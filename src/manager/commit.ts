/**
 * The only retry loop. Loads the ring, lets the caller decide on it, and replaces it if nobody
 * came first; when somebody did, everything is decided anew on what they left.
 */
import { type Clock, type Reading, readingOf } from "../clock.ts";
import { isKeyturnError, KeyturnError } from "../errors.ts";
import type { Kek } from "../keys/kek.ts";
import { sealRing } from "../keys/sealed-ring.ts";
import { type AuditCause, type AuditEvent, chained, genesisHash, tailOf } from "../ring/audit.ts";
import { assertRing, assertSuccession } from "../ring/invariant.ts";
import type { KeyRing } from "../ring/ring.ts";
import type { Change } from "../ring/step.ts";
import { type RingStore, ringMissing } from "../store/store.ts";
import type { OnEvent } from "../telemetry/events.ts";
import type { Snapshot, SnapshotHolder } from "./snapshot.ts";

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
    // Tries whose answer was lost. One that is not to be seen may still be on its way.
    const lost: (Lost & {
      readonly ring: KeyRing;
      readonly event: AuditEvent;
      readonly decidedAt: Reading;
    })[] = [];
    const orUnknown = (error: unknown): never => {
      throw lost.length === 0 ? error : unknown(error);
    };
    for (let attempts = 0; attempts < ATTEMPTS_MAX; attempts++) {
      const base = await snapshots.reload().catch(orUnknown);
      const arrived = base === null ? undefined : lost.find(({ ring }) => isIn(ring, base.ring));
      if (lost.length > 0) onEvent({ type: "commit_reconciled", committed: arrived !== undefined });
      if (base !== null && arrived !== undefined) {
        const snapshot = snapshots.reconcile(base, arrived.ring, arrived.decidedAt);
        return { snapshot, event: arrived.event };
      }

      const decidedAt = readingOf(clock);
      const now = Math.max(decidedAt.now, base?.ring.committedAt ?? 0);
      const change = await decide(base, now);
      if (change === null) return { snapshot: held(base), event: null };
      const next = await recorded(base?.ring ?? null, change, now, cause);
      const sealedWith = kek ?? base?.kek ?? options.kek;
      const outcome = await attempt(base, next, sealedWith, decidedAt).catch(orUnknown);
      if (outcome !== "conflict" && "because" in outcome)
        lost.push({ ...outcome, ring: next, event: change.event, decidedAt });
      else if (outcome !== "conflict") return { snapshot: outcome, event: change.event };
    }
    const last = lost.at(-1);
    if (last !== undefined) throw unknown(last.because);
    throw new KeyturnError("conflict", `Other nodes committed first, ${ATTEMPTS_MAX} times in a row.`, {
      fix: "Try again. If this lasts, more writers share the ring than its policy has work for.",
    });
  }

  /** The snapshot of `next` once it is committed. */
  async function attempt(
    base: Snapshot | null,
    next: KeyRing,
    kek: Kek,
    decidedAt: Reading,
  ): Promise<Snapshot | "conflict" | Lost> {
    if (base === null) assertRing(next);
    else assertSuccession(base.ring, next);
    const ready = await snapshots.ready({ ring: next, kek });
    const document = await sealRing(next, kek);
    try {
      const revision = await store.replace(document, base?.revision ?? null);
      return snapshots.adopt(ready, revision, decidedAt, base);
    } catch (error) {
      if (isKeyturnError(error, "commit_unknown")) return { because: error };
      if (!isKeyturnError(error, "conflict")) throw error;
      onEvent({ type: "conflict" });
      return "conflict";
    }
  }

  /** A null decision on a missing ring is the caller's way to say that it needs one. */
  function held(base: Snapshot | null): Snapshot {
    if (base !== null) return base;
    throw ringMissing(store);
  }

  return (decide, cause, kek) => inTurn(() => retrying(decide, cause, kek));
}

/** A try whose answer was lost: only the store can tell what became of it. */
interface Lost {
  readonly because: unknown;
}

function unknown(cause: unknown): KeyturnError {
  const told = isKeyturnError(cause) ? cause : null;
  return new KeyturnError(
    "commit_unknown",
    `The commit may or may not have happened; the store cannot tell now.${told === null ? "" : ` ${told.message}`}`,
    {
      fix: `${told === null ? "" : `${told.fix} `}Nothing was lost: \`keyturn status\` shows which; repeat the command.`,
      cause,
    },
  );
}

/** Whether the commit of `ours` is part of the history of `ring`: a record says all that its commit did. */
function isIn(ours: KeyRing, ring: KeyRing): boolean {
  return ring.auditTail.some(({ hash }) => hash === ours.auditTail.at(-1)?.hash);
}

/** The change as the next generation, with its one audit record in the same document. */
export async function recorded(
  base: KeyRing | null,
  { ring, event }: Change,
  now: number,
  cause: AuditCause,
): Promise<KeyRing> {
  const generation = (base?.generation ?? 0) + 1;
  const previous = base?.auditTail.at(-1)?.hash ?? (await genesisHash(ring.id));
  const record = await chained({ ring: ring.id, generation, at: now, ...event, ...cause, previous });
  return { ...ring, generation, committedAt: now, auditTail: tailOf([...ring.auditTail, record]) };
}
