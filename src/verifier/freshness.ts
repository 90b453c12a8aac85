/** How long a set of keys is good for, as a rule over its age. Pure: instants and chance come in as arguments. */
import type { Reading } from "../clock.ts";

/** When the set was last vouched for by its issuer, and for how long that lasts. All counted from `since`. */
export interface Validity {
  readonly since: Reading;
  readonly refreshSeconds: number;
  readonly freshSeconds: number;
}

export interface FreshnessLimits {
  readonly freshSeconds: number;
  readonly minFreshSeconds: number;
  readonly maxFreshSeconds: number;
}

/**
 * `fresh`: nothing to do. `due`: still fresh, time to ask ahead. `stale`: to be used only because
 * asking failed. `expired`: not to be used.
 */
export type Stage = "fresh" | "due" | "stale" | "expired";

/** A tenth to both sides spreads a fleet that started at once over a fifth of the lifetime. */
const REFRESH_AT = 0.8;
const REFRESH_JITTER = 0.1;

/** Doubling from one second: an endpoint that restarts is found soon, one that is down is left alone. */
const BACK_OFF_FIRST_SECONDS = 1;
const BACK_OFF_MAX_SECONDS = 30;
/** For so long after it was time for another try, a failure still tells of the endpoint as it is now. */
export const FAILURE_COUNTS_SECONDS: number = BACK_OFF_MAX_SECONDS;
/** What a server may ask for: more would keep its own recovery from being noticed. */
const RETRY_AFTER_MAX_SECONDS = 300;

/**
 * @param askedAt before the request, so that age is never understated (RFC 9111 section 4.2.3)
 * @param chance in [0, 1)
 */
export function validityOf(
  answer: { readonly maxAgeSeconds: number | null; readonly ageSeconds: number },
  askedAt: Reading,
  limits: FreshnessLimits,
  chance: number,
): Validity {
  const { minFreshSeconds, maxFreshSeconds } = limits;
  const asked = (answer.maxAgeSeconds ?? limits.freshSeconds) - answer.ageSeconds;
  // What is old on arrival is still kept for a little, or every call would fetch.
  const left = Math.min(Math.max(asked, minFreshSeconds), maxFreshSeconds);
  return {
    since: askedAt,
    freshSeconds: left,
    refreshSeconds: left * (REFRESH_AT + REFRESH_JITTER * (2 * chance - 1)),
  };
}

export function stageOf(
  { refreshSeconds, freshSeconds }: Validity,
  age: number,
  maxStaleSeconds: number,
): Stage {
  if (age < refreshSeconds) return "fresh";
  if (age < freshSeconds) return "due";
  return age < freshSeconds + maxStaleSeconds ? "stale" : "expired";
}

/** How long to leave the endpoint alone after so many failures in a row. @param chance in [0, 1) */
export function backOffSeconds(failures: number, retryAfterSeconds: number | null, chance: number): number {
  const most = Math.min(BACK_OFF_FIRST_SECONDS * 2 ** (failures - 1), BACK_OFF_MAX_SECONDS);
  const own = most * (0.5 + chance / 2);
  return Math.max(own, Math.min(retryAfterSeconds ?? 0, RETRY_AFTER_MAX_SECONDS));
}
