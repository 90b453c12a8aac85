/** An issuer's answers as they go to other processes or isolates, and come from them. */
import { type Clock, readingOf } from "../clock.ts";
import { withinSeconds } from "../deadline.ts";
import type { SourceEvent } from "./events.ts";
import { type FreshnessLimits, type Validity, validityOf } from "./freshness.ts";
import type { Origin } from "./held-keys.ts";
import { type JwksDocument, parseJwks } from "./jwks-document.ts";
import { decodeSnapshot, encodeSnapshot, type SnapshotStore } from "./snapshots.ts";

export interface SharingOptions extends FreshnessLimits {
  /** Where answers are shared, and under what name; null where they are not. */
  readonly shared: { readonly store: SnapshotStore; readonly key: string } | null;
  readonly maxStaleSeconds: number;
  readonly maxJwksBytes: number;
  readonly maxKeys: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly onEvent: (event: SourceEvent) => void;
}

/** What another was told, as good as when it was told. */
export interface SharedAnswer {
  readonly document: JwksDocument;
  readonly origin: Origin;
  readonly validity: Validity;
}

export interface Sharing {
  /** The answer that was shared last, or null. Never rejects, and takes a second at most. */
  latest(): Promise<SharedAnswer | null>;
  share(origin: Origin, validity: Validity): Promise<void>;
}

/** A shared answer saves a request, so it must not take as long as one. */
export const SHARING_SECONDS = 1;

export function sharing(options: SharingOptions): Sharing {
  const { shared, maxStaleSeconds, maxJwksBytes, maxKeys, clock, random, onEvent } = options;

  async function latest(): Promise<SharedAnswer | null> {
    if (shared === null) return null;
    try {
      const text = await withinSeconds(SHARING_SECONDS, () => shared.store.load(shared.key));
      return text === null ? null : checked(text);
    } catch {
      onEvent({ type: "snapshot_failed", operation: "load" });
      return null;
    }
  }

  /** @throws Error when the text is not what `share` writes, or more than the issuer may answer */
  function checked(text: string): SharedAnswer {
    const { now, monotonic } = readingOf(clock);
    const snapshot = decodeSnapshot(text, now);
    const body = new TextEncoder().encode(snapshot?.body);
    const document = body.length > maxJwksBytes ? null : parseJwks(body, maxKeys);
    if (snapshot === null || document === null) throw new Error("This is no snapshot.");
    // Its age is counted from the request that brought it, wherever it has lain since.
    const since = { now: snapshot.fetchedAt, monotonic: monotonic - (now - snapshot.fetchedAt) };
    const freshness = { maxAgeSeconds: snapshot.freshSeconds, ageSeconds: 0 };
    const validity = validityOf(freshness, since, options, random());
    return { document, origin: { etag: snapshot.etag, body: snapshot.body }, validity };
  }

  async function share(origin: Origin, { since, freshSeconds }: Validity): Promise<void> {
    if (shared === null) return;
    const snapshot = encodeSnapshot({ fetchedAt: since.now, freshSeconds, ...origin });
    const ttlSeconds = freshSeconds + maxStaleSeconds;
    await withinSeconds(SHARING_SECONDS, () => shared.store.save(shared.key, snapshot, ttlSeconds)).catch(
      () => onEvent({ type: "snapshot_failed", operation: "save" }),
    );
  }

  return { latest, share };
}
