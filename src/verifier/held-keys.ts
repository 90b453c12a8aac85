/**
 * The keys that an issuer has vouched for last, and until when that counts. The rules of what
 * replaces what: only an answer of the issuer's does, the latest one wins, and within one ring no
 * older generation returns while a newer one can still be used.
 */
import { type Reading, secondsSince } from "../clock.ts";
import type { VerifyAlgorithm } from "./algorithms.ts";
import type { Counters } from "./counters.ts";
import type { SourceEvent } from "./events.ts";
import { type Stage, stageOf, type Validity } from "./freshness.ts";
import { isOlder, type JwksDocument } from "./jwks-document.ts";
import { buildKeySet, type KeySet } from "./key-set.ts";

/** What an answer looked like, to ask again with and to share. */
export interface Origin {
  readonly etag: string | null;
  readonly body: string;
}

export interface HeldKeys {
  readonly set: KeySet | null;
  readonly validity: Validity | null;
  readonly origin: Origin;
  stage(reading: Reading): Stage;
  /** Whether the document is of before what is held, while that can still be used. */
  isOutdated(document: JwksDocument, reading: Reading): boolean;
  /** Takes up a set. False where a later flight's answer is here already. */
  replace(document: JwksDocument, origin: Origin, validity: Validity, sequence: number): Promise<boolean>;
  /** The set that `origin` came with has been vouched for again. False where it is no longer held. */
  renew(origin: Origin, validity: Validity, sequence: number): boolean;
  /** Whether a later flight's answer is here already. */
  isOvertaken(sequence: number): boolean;
  /** Refuses a kid from now on, whatever the issuer says. */
  revoke(kid: string): void;
  isRevoked(kid: string): boolean;
}

export interface HeldKeysOptions {
  readonly algorithms: readonly VerifyAlgorithm[];
  readonly maxStaleSeconds: number;
  readonly counters: Counters;
  /** Called when other keys are held than before. */
  readonly onChange: () => void;
  readonly onEvent: (event: SourceEvent) => void;
}

export function heldKeys(options: HeldKeysOptions): HeldKeys {
  const { algorithms, maxStaleSeconds, counters, onChange, onEvent } = options;
  let set: KeySet | null = null;
  let validity: Validity | null = null;
  let origin: Origin = { etag: null, body: "" };
  let latest = 0;
  const revoked = new Set<string>();

  function stage(reading: Reading): Stage {
    if (validity === null) return "expired";
    return stageOf(validity, secondsSince(validity.since, reading), maxStaleSeconds);
  }

  async function replace(
    document: JwksDocument,
    from: Origin,
    until: Validity,
    sequence: number,
  ): Promise<boolean> {
    const next = await buildKeySet(document, set, { algorithms, countsOf: counters.ofKid });
    if (isOvertaken(sequence)) return false;
    const before = set;
    set = next;
    origin = from;
    renew(from, until, sequence);
    const added = next.keys.filter((key) => before?.keys.includes(key) !== true);
    const removed = before?.keys.filter((key) => !next.keys.includes(key)) ?? [];
    // What is no longer listed dies here, in every cache.
    for (const key of removed) key.live = false;
    for (const key of added) key.live = key.kid === null || !revoked.has(key.kid);
    if (added.length + removed.length > 0) onChange();
    tell(next, before, added, removed);
    return true;
  }

  function isOvertaken(sequence: number): boolean {
    return sequence < latest;
  }

  function renew(from: Origin, until: Validity, sequence: number): boolean {
    if (isOvertaken(sequence) || from !== origin) return false;
    latest = sequence;
    validity = until;
    return true;
  }

  function tell(next: KeySet, before: KeySet | null, added: KeySet["keys"], removed: KeySet["keys"]): void {
    if (before !== null && isOlder(next, before)) {
      onEvent({
        type: "older_set_taken",
        generation: next.generation as number,
        seen: before.generation as number,
      });
    }
    if (added.length + removed.length > 0) {
      onEvent({
        type: "keys_changed",
        added: added.map(({ kid }) => kid),
        removed: removed.map(({ kid }) => kid),
      });
    }
    // Once for each set that has them, not at every refresh.
    if (JSON.stringify(next.skipped) === JSON.stringify(before?.skipped ?? [])) return;
    for (const { kid, because } of next.skipped) {
      onEvent(
        because === "private"
          ? { type: "private_key_published", kid }
          : { type: "key_skipped", kid, because },
      );
    }
  }

  return {
    get set() {
      return set;
    },
    get validity() {
      return validity;
    },
    get origin() {
      return origin;
    },
    stage,
    isOutdated: (document, reading) => set !== null && isOlder(document, set) && stage(reading) !== "expired",
    replace,
    renew,
    isOvertaken,
    revoke(kid) {
      revoked.add(kid);
      for (const key of set?.keys ?? []) if (key.kid === kid) key.live = false;
      onEvent({ type: "kid_revoked", kid });
    },
    isRevoked: (kid) => revoked.has(kid),
  };
}
