/** What a process remembers of versions, which never change: the newest it read, and those it saw replaced. */
import type { Stored } from "../store.ts";

export interface HeldVersions {
  documentOf(versionId: string): string | null;
  /** Whether this process has seen another take its place. */
  isPast(versionId: string): boolean;
  /** It was the ring when the secret last changed at `changedAt` (epoch seconds). */
  keep(versionId: string, document: string, changedAt: number | null): Stored;
  /** Its successor has been committed. */
  passed(versionId: string): void;
}

/** Reads lag by moments, in which no more commits fit. */
const PAST_MAX = 8;

export function heldVersions(): HeldVersions {
  let held: Stored | null = null;
  let past: readonly string[] = [];

  function passed(versionId: string): void {
    past = [...past.filter((other) => other !== versionId), versionId].slice(-PAST_MAX);
  }

  return {
    documentOf: (versionId) => (held?.revision === versionId ? held.document : null),
    isPast: (versionId) => past.includes(versionId),
    keep(versionId, document, changedAt) {
      const before = held?.revision === versionId ? held.storedAt : undefined;
      // Tags, policies and half a commit change the secret too, so the earliest of all dates is the nearest.
      const dates = [before, changedAt ?? undefined].filter((date) => date !== undefined);
      if (held !== null && held.revision !== versionId) passed(held.revision);
      past = past.filter((other) => other !== versionId);
      held = {
        document,
        revision: versionId,
        ...(dates.length === 0 ? {} : { storedAt: Math.min(...dates) }),
      };
      return held;
    },
    passed,
  };
}
