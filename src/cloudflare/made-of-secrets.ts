/**
 * What is made of secrets when it is first needed. In the Secrets Store they change without a deployment, so
 * what is made of those is made anew when it is older than a lease. Nobody waits for what another has begun.
 */
import type { Clock } from "../clock.ts";
import { seldom } from "./seldom.ts";

export interface MadeOfSecrets<T> {
  /** What is there, however old; null before it was made for the first time. */
  current(): T | null;
  /** @throws what keeps it from being made for the first time */
  get(): Promise<T>;
}

/** So long one that could not be made anew is left alone: until then what is there does. */
const RETRY_SECONDS = 1;

export function madeOfSecrets<T>(options: {
  /** Whether the secrets may change while it is there. */
  readonly isBound: boolean;
  readonly leaseSeconds: number;
  readonly clock: Pick<Clock, "monotonic">;
  make(there: T | null): Promise<T>;
  /** Whether something else than its age demands another. Default: nothing does. */
  readonly isSpent?: (there: T) => boolean;
  /** Nobody goes back to one that is of a lower order. Default: all are of one. */
  readonly orderOf?: (made: T) => number;
}): MadeOfSecrets<T> {
  const { isBound, leaseSeconds, clock, make, isSpent = () => false, orderOf = () => 0 } = options;
  const mayTry = seldom(RETRY_SECONDS, clock);
  let there: { readonly made: T; readonly begunAt: number } | null = null;

  function isOver(begunAt: number): boolean {
    const age = clock.monotonic() - begunAt;
    return age < 0 || age > leaseSeconds;
  }

  async function renew(): Promise<T> {
    const begunAt = clock.monotonic();
    const made = await make(there?.made ?? null);
    // Another request may have begun later, or have read more, and be done already.
    const ahead = there === null ? -1 : orderOf(there.made) - orderOf(made) || there.begunAt - begunAt;
    if (there === null || ahead <= 0) there = { made, begunAt };
    return there.made;
  }

  return {
    current: () => there?.made ?? null,
    async get() {
      if (there === null) return renew();
      const { made, begunAt } = there;
      const isDue = isSpent(made) || (isBound && isOver(begunAt));
      return isDue && mayTry() ? renew().catch(() => made) : made;
    },
  };
}
