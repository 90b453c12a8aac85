/**
 * Where a ring is kept. Two methods are all that a store can do, so that one suite can prove
 * every store (test it with `keyturn/testing`) and the only retry loop is the manager's.
 */
import { KeyturnError } from "../errors.ts";

export interface RingStore {
  /** For people: what and where, e.g. `file .keyturn/ring`. Never a secret. */
  readonly description: string;

  /** True when the ring lives no longer than this process, which then may make up its own KEK. */
  readonly ephemeral?: boolean;

  /**
   * What the store bears in the long run: one commit in that many seconds. A store that bears any number
   * leaves it out.
   */
  readonly writesEverySeconds?: number;

  /**
   * Reads the newest committed document.
   *
   * @returns `null` only when the store has answered that there is no ring.
   * @throws KeyturnError `store_unavailable`, `store_permission` when it cannot tell,
   *   `ring_corrupt` when there is a ring that cannot be read.
   */
  load(): Promise<Stored | null>;

  /**
   * Commits `document` if the newest revision still is `expected` (`null`: no ring yet).
   *
   * @returns the new revision, once the document would survive a power cut.
   * @throws KeyturnError `conflict` when another commit came first and this one has left nothing
   *   behind; `commit_unknown` when it cannot be told whether the commit happened (the caller
   *   reloads and looks); `store_unavailable`, `store_permission`, `store_full` when it did not.
   */
  replace(document: string, expected: string | null): Promise<string>;

  /**
   * Whoever knows the KEK tells how a successor that another node left half done is judged, before it
   * commits. A store whose commits are never half done leaves it out.
   */
  judgeBy?(accepts: Accepts): void;
}

/**
 * Whether `successor`, which another node left half done, may be made the ring in place of `base`
 * (null: there is none yet).
 */
export type Accepts = (successor: string, base: string | null) => Promise<boolean>;

export interface Stored {
  /** The document as it was given to `replace`, to the byte. */
  readonly document: string;
  /** Opaque. Names this commit: given by load, demanded by replace. */
  readonly revision: string;
  /**
   * When the store took the document, by the store's own clock, in epoch seconds. A second witness of
   * when a step truly happened; a store that cannot tell leaves it out.
   */
  readonly storedAt?: number;
  /**
   * How old this answer is already, in seconds: a store that answers with what it read before says so, and
   * leases count it. Default 0: the newest document of the moment in which it was asked for.
   */
  readonly ageSeconds?: number;
}

/** No store takes or returns more. 40 times the size of an ordinary ring, and the limit of AWS Secrets Manager. */
export const DOCUMENT_BYTES_MAX = 65_536;

/** For whoever needs a ring where the store has answered that there is none. */
export function ringMissing({ description }: RingStore): KeyturnError {
  return new KeyturnError("ring_missing", `There is no ring in ${description}.`, {
    fix: "Create it once with `keyturn init`. If there was one, this is the wrong place: do not create another.",
  });
}
