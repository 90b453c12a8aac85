/** What strangers can cause as often as they like, and is done only so often. */
import type { Clock } from "../clock.ts";

/** Tells whether it is time again, and from then on that it is not. A clock that was set back keeps nothing from its time. */
export function seldom(everySeconds: number, { monotonic }: Pick<Clock, "monotonic">): () => boolean {
  let last = Number.NEGATIVE_INFINITY;
  return () => {
    const now = monotonic();
    if (now >= last && now - last < everySeconds) return false;
    last = now;
    return true;
  };
}
