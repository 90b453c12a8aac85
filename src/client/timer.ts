/** Waiting. A test hands in one that it moves, as it does with the clock. */
export interface Timer {
  /** Runs `work` after so many seconds, and once at most. Returns what calls it off. */
  after(seconds: number, work: () => void): () => void;
  /** The same for what nobody waits for: it keeps no process alive. */
  inBackground(seconds: number, work: () => void): () => void;
}

/** What every runtime's timers can count to: 24 days. */
const MILLISECONDS_MAX = 2 ** 31 - 1;

/** The runtime's own. */
export const systemTimer: Timer = {
  after(seconds, work) {
    const timer = begin(seconds, work);
    return () => clearTimeout(timer);
  },
  inBackground(seconds, work) {
    const timer = begin(seconds, work);
    // Node's are objects; elsewhere they are numbers, and no process waits for them.
    if (typeof timer === "object") timer.unref?.();
    return () => clearTimeout(timer);
  },
};

function begin(seconds: number, work: () => void): ReturnType<typeof setTimeout> {
  return setTimeout(work, Math.min(Math.ceil(seconds * 1000), MILLISECONDS_MAX));
}

export function wait(timer: Timer, seconds: number): Promise<void> {
  return new Promise((resolve) => void timer.after(seconds, resolve));
}
