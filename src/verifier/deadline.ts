/** What someone else does for us, and the time that it has. */

/**
 * Rejects when `work` is not done in time, also where it does not heed the signal that it is given.
 * @throws the signal's reason, a TimeoutError
 */
export function withinSeconds<T>(seconds: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(seconds * 1000);
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  return Promise.race([work(signal), late]);
}

export function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === "TimeoutError";
}
