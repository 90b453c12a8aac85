/** What someone else does for us, and the time that it has. */

/** What every runtime's timers can count to: 24 days. */
const MILLISECONDS_MAX = 2 ** 31 - 1;

/**
 * Rejects when `work` is not done in time, also where it does not heed the signal that it is given.
 * @throws the signal's reason, a TimeoutError
 */
export function withinSeconds<T>(seconds: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(Math.min(Math.ceil(seconds * 1000), MILLISECONDS_MAX));
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  // Begun inside a promise: what is thrown at once is then raced too, and `late` is never left alone.
  return Promise.race([Promise.resolve(signal).then(work), late]);
}

export function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === "TimeoutError";
}
