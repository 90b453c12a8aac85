/** Tries that are spread out, so that whoever fails is not asked by everybody at once. */

/** How long to leave a service alone that has just failed. */
export interface BackOff {
  readonly firstSeconds: number;
  readonly mostSeconds: number;
}

/**
 * Full jitter: anything between nothing and a bound that doubles, so that clients that failed
 * together do not come back together.
 *
 * @param failures in a row, at least 1
 * @param chance in [0, 1)
 */
export function fullJitterSeconds(
  failures: number,
  { firstSeconds, mostSeconds }: BackOff,
  chance: number,
): number {
  return chance * Math.min(firstSeconds * 2 ** (failures - 1), mostSeconds);
}
