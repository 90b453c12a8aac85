/**
 * How often who may ask: a bucket of permits for each, filled at a steady pace. Counted on the monotonic
 * clock, which nobody can set, and in this process alone: a fleet of n nodes lets n times as much through.
 */
import { KeyturnError } from "../errors.ts";

export interface RateLimit {
  /** Requests per second that may go on for ever. */
  readonly perSecond: number;
  /** Requests at once, after a rest. */
  readonly burst: number;
}

/** A person, a pipeline and a dashboard stay far below; a loop gone wild is slowed before the store feels it. */
export const ADMIN_RATE: RateLimit = { perSecond: 100, burst: 1_000 };

/** More than one process can sign, so it only bites where an operator has set it lower. */
export const SIGN_RATE: RateLimit = { perSecond: 50_000, burst: 100_000 };

/** Refusals for lack of a good API token, of everybody together: each is an entry in log and audit. */
export const DENIAL_RATE: RateLimit = { perSecond: 10, burst: 200 };

/** More than there can be API tokens; beyond that, who has rested longest is forgotten, with a full bucket. */
const BUCKETS_MAX = 1_000;

export interface RateLimiter {
  /**
   * Takes `count` permits (default 1) from the bucket of `who`, at `now` on the monotonic clock.
   *
   * @param taken permits that the same request took before, and that go back first: `count` is then all that it costs
   * @throws RateLimited when there are not so many; then none is taken.
   */
  take(who: string, now: number, count?: number, taken?: number): void;
}

/** With its own place on the wire: the answer says when to go on (RFC 9110 section 10.2.3). */
export class RateLimited extends KeyturnError {
  readonly retryAfterSeconds: number;

  constructor(retryAfterSeconds: number) {
    super("rate_limited", `Too many requests. There is room again in ${retryAfterSeconds} s.`, {
      fix: "Wait as long as `Retry-After` says; if this is ordinary load, raise the limit where keyturn is set up.",
    });
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/**
 * @param countMax the most that one request may cost
 * @throws KeyturnError `config_invalid` where no rest would be long enough for such a request
 */
export function rateLimiter({ perSecond, burst }: RateLimit, countMax = 1): RateLimiter {
  if (!(perSecond > 0) || !(burst >= countMax)) throw tooTight(countMax);
  const buckets = new Map<string, { permits: number; filledAt: number }>();
  return {
    take(who, now, count = 1, taken = 0) {
      const bucket = buckets.get(who) ?? { permits: burst, filledAt: now };
      // A map keeps the order of insertion: who asked last stands last.
      buckets.delete(who);
      buckets.set(who, bucket);
      if (buckets.size > BUCKETS_MAX) buckets.delete(buckets.keys().next().value as string);

      const gained = Math.max(0, now - bucket.filledAt) * perSecond;
      bucket.permits = Math.min(burst, bucket.permits + taken + gained);
      bucket.filledAt = now;
      if (bucket.permits < count)
        throw new RateLimited(Math.max(1, Math.ceil((count - bucket.permits) / perSecond)));
      bucket.permits -= count;
    },
  };
}

function tooTight(countMax: number): KeyturnError {
  return new KeyturnError(
    "config_invalid",
    `The rate limit leaves no room for a request that costs ${countMax}.`,
    {
      fix: `Set perSecond above 0, and burst to ${countMax} or more.`,
    },
  );
}
