/**
 * Time, as everything in keyturn sees it. Rules take `now` as an argument; whoever needs a
 * running clock is handed one of these, so that a test moves a variable instead of the world.
 */
export interface Clock {
  /** Wall time: whole seconds since the Unix epoch, as NumericDate (RFC 7519 section 2). */
  now(): number;
  /** Seconds from an arbitrary start that no clock adjustment moves. Only differences mean anything. */
  monotonic(): number;
}

/** The machine's own clocks. The one place in src that reads them. */
export const systemClock: Clock = {
  now: () => Math.floor(Date.now() / 1000),
  monotonic: () => performance.now() / 1000,
};

/** Both clocks at one instant. */
export interface Reading {
  readonly now: number;
  readonly monotonic: number;
}

export function readingOf(clock: Clock): Reading {
  return { now: clock.now(), monotonic: clock.monotonic() };
}

/** The reading so many seconds before. */
export function before({ now, monotonic }: Reading, seconds: number): Reading {
  return { now: now - Math.ceil(seconds), monotonic: monotonic - seconds };
}

/** Seconds from `since` to `reading` by whichever clock says more: neither a step back nor a pause hides age. */
export function secondsSince(since: Reading, { now, monotonic }: Reading): number {
  return Math.max(now - since.now, monotonic - since.monotonic);
}

/**
 * How old what was read at `since` is, for whoever must not use it when it is old. Where the monotonic clock
 * follows the wall clock, as on Workers, setting that back hides any age: what lies ahead may be as old as can be.
 */
export function ageAt(since: Reading, reading: Reading): number {
  const seconds = secondsSince(since, reading);
  return seconds < 0 ? Number.POSITIVE_INFINITY : seconds;
}
