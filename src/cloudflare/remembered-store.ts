/**
 * A store that costs something to ask, as an object reads it for others: what it gave last is told with its age,
 * so that nobody takes it for newer than it is.
 */
import { type Clock, type Reading, readingOf, secondsSince } from "../clock.ts";
import { isKeyturnError } from "../errors.ts";
import type { RingStore, Stored } from "../store/store.ts";

export interface RememberedStore extends RingStore {
  /** What was read last, with its age; from the store where nothing was read since this object's last commit. */
  remembered(): Promise<Stored | null>;
}

interface Read {
  readonly stored: Stored;
  readonly askedAt: Reading;
}

/** What follows a commit begins before it, should whoever makes it end under it. Neither may reject. */
export interface AroundCommits {
  before(): Promise<void>;
  /** Of one that was made, or may have been. */
  made(): Promise<void>;
}

export function rememberedStore(store: RingStore, clock: Clock, around: AroundCommits): RememberedStore {
  let read: Read | null = null;
  let commits = 0;

  async function load(): Promise<Stored | null> {
    const askedAt = readingOf(clock);
    const begun = commits;
    const stored = await store.load();
    // What was asked for before a commit may be what the commit has replaced: nobody is led back to it.
    if (begun === commits && askedAt.monotonic >= (read?.askedAt.monotonic ?? Number.NEGATIVE_INFINITY))
      read = stored === null ? null : { stored, askedAt };
    return stored;
  }

  return {
    ...store,
    load,
    async replace(document, expected) {
      commits += 1;
      read = null;
      await around.before();
      let isRefused = false;
      try {
        return await store.replace(document, expected);
      } catch (error) {
        isRefused = !isKeyturnError(error, "commit_unknown");
        throw error;
      } finally {
        commits += 1;
        read = null;
        if (!isRefused) await around.made();
      }
    },
    async remembered() {
      if (read === null) return load();
      const { stored, askedAt } = read;
      return { ...stored, ageSeconds: secondsSince(askedAt, readingOf(clock)) };
    },
  };
}
