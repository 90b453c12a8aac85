/**
 * Kids that no key has. One may be a new key that is not seen yet, which is worth a fetch; a million
 * are an attack, which is worth none. So each fetch is paid from a small budget of its own, and what
 * was found missing is remembered for a while.
 */

/** Two at once let a real turnover through under attack; a planned one needs none. */
const BUDGET = 2;
/** One more every 30 s, what jose waits: twice a minute is nothing to an endpoint. */
const REFILL_SECONDS = 30;

/** Short, so that a key that is published late is found soon. */
const REMEMBER_SECONDS = 60;
/** A forged kid costs its sender nothing, so memory must not grow with it. */
const REMEMBER_MAX = 512;

export interface UnknownKids {
  /** Whether it was found missing lately. */
  isMissing(kid: string, now: number): boolean;
  /** Takes one fetch from the budget; false where that is used up. */
  takeFetch(now: number): boolean;
  /** The JWKS has just been asked, and does not have it. */
  missed(kid: string, now: number): void;
  /** Another JWKS is here: what was missing may be in it. */
  forget(): void;
}

/** All instants are on the monotonic clock. */
export function unknownKids(): UnknownKids {
  const missing = new Map<string, number>();
  let budget = BUDGET;
  let refilledAt: number | null = null;

  function refill(now: number): void {
    refilledAt ??= now;
    budget = Math.min(BUDGET, budget + (now - refilledAt) / REFILL_SECONDS);
    refilledAt = now;
  }

  return {
    isMissing: (kid, now) => now < (missing.get(kid) ?? Number.NEGATIVE_INFINITY),
    takeFetch(now) {
      refill(now);
      if (budget < 1) return false;
      budget--;
      return true;
    },
    missed(kid, now) {
      const [oldest] = missing.keys();
      if (missing.size >= REMEMBER_MAX && oldest !== undefined) missing.delete(oldest);
      missing.delete(kid);
      missing.set(kid, now + REMEMBER_SECONDS);
    },
    forget: () => missing.clear(),
  };
}
