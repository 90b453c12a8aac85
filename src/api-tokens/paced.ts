/**
 * Work that many may ask for and that is done seldom. Whoever asks gets the outcome of a run that
 * began after the question, since an earlier one may have missed what the question is about; and runs
 * begin a while apart, since anybody can ask.
 */
import type { Clock } from "../clock.ts";

export type Pause = (milliseconds: number) => Promise<void>;

export function paced(
  work: () => Promise<unknown>,
  everySeconds: number,
  clock: Pick<Clock, "monotonic">,
  pause: Pause,
): () => Promise<void> {
  let begunAt = Number.NEGATIVE_INFINITY;
  let running: Promise<unknown> = Promise.resolve();
  let waiting: Promise<void> | null = null;

  async function next(): Promise<void> {
    await running.catch(() => undefined);
    const early = begunAt + everySeconds - clock.monotonic();
    if (early > 0) await pause(Math.ceil(early * 1000));
    // From here on it is too late to join.
    waiting = null;
    begunAt = clock.monotonic();
    running = work();
    await running;
  }

  return () => {
    waiting ??= next();
    return waiting;
  };
}
