/**
 * Time as this thread sees it: the clock stands still while the system has it wait for a core that
 * others use. On a machine of one's own that is the ordinary clock; on a busy one it keeps the
 * neighbours out of the figures. Only Linux tells how long a thread waited; elsewhere it is the
 * ordinary clock.
 */
import { openSync, readSync } from "node:fs";

const NANOSECONDS = 1e6;

/** Milliseconds from an arbitrary start. */
export const threadTime: () => number = stopwatch();

function stopwatch(): () => number {
  const file = open("/proc/thread-self/schedstat");
  if (file === null) return () => performance.now();
  const text = Buffer.alloc(64);
  return () => {
    const length = readSync(file, text, 0, text.length, 0);
    // Time on a core, time waiting for one, slices (Documentation/scheduler/sched-stats.rst).
    const [, waited] = text.toString("latin1", 0, length).split(" ");
    return performance.now() - Number(waited) / NANOSECONDS;
  };
}

function open(path: string): number | null {
  try {
    return openSync(path, "r");
  } catch {
    return null;
  }
}
