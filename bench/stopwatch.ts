/**
 * Time as this thread sees it: the clock stands still while the system has it wait for a core that
 * others use. On a machine of one's own that is the ordinary clock; on a busy one it keeps the
 * neighbours out of the figures. Only Linux tells how long a thread waited; elsewhere it is the
 * ordinary clock.
 */
import { existsSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";

/** In a millisecond. */
const NANOSECONDS = 1e6;

/** Milliseconds from an arbitrary start. */
export const threadTime: () => number = stopwatch();

/** Milliseconds that all threads of a process have spent on a core; null where the system does not tell. */
export function coreTime(pid: number): number | null {
  const threads = `/proc/${pid}/task`;
  if (!existsSync(`${threads}/${pid}/schedstat`)) return null;
  const spent = readdirSync(threads).map((thread) => {
    const [onCore] = readFileSync(`${threads}/${thread}/schedstat`, "utf8").split(" ");
    return Number(onCore) / NANOSECONDS;
  });
  return spent.reduce((sum, milliseconds) => sum + milliseconds, 0);
}

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
