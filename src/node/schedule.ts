/**
 * The two things that a node does unasked: tick, by cron with jitter and never overlapping itself,
 * and refresh the ring. How often either runs changes nothing about when a step is lawful.
 */
import cron from "node-cron";
import type { KeyManager } from "../manager/manager.ts";
import type { OnEvent } from "../telemetry/events.ts";

export interface Schedule {
  /** Starts nothing more and waits for what is under way. */
  stop(): Promise<void>;
}

/** Nodes started by one deployment do not all ask the store in the same instant. A sixth of a minute. */
const JITTER_SECONDS_MAX = 10;
const JITTER_PART = 6;

/** `refreshSeconds` is a promise, so one refresh may fail, and each may take its time, before it is broken. */
const REFRESHES_PER_PERIOD = 2;

/** What node-cron has to say of a tick that was skipped would stand amid our lines of JSON. */
const SILENT = { info() {}, warn() {}, error() {}, debug() {} };

/** Longer delays overflow Node's timers (2^31 − 1 ms) and would fire at once. */
const TIMER_SECONDS_MAX = 86_400;

export function startSchedule(manager: KeyManager, tickSchedule: string, onEvent: OnEvent): Schedule {
  const underWay = new Set<Promise<unknown>>();

  function run(work: () => Promise<unknown>, onError: (error: unknown) => void): Promise<void> {
    const running = work()
      .catch(onError)
      .then(() => void underWay.delete(running));
    underWay.add(running);
    return running;
  }

  const tick = () =>
    run(
      () => manager.tick(),
      (error) => onEvent({ type: "tick_failed", error }),
    );
  // A failed refresh has been told as `store_failed`; the lease decides what follows from it.
  const refresh = () =>
    run(
      () => manager.refresh(),
      () => undefined,
    );

  const ticks = cron.schedule(tickSchedule, tick, {
    noOverlap: true,
    maxRandomDelay: jitterMilliseconds(tickSchedule),
    suppressMissedWarning: true,
    logger: SILENT,
  });
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const armRefresh = () => {
    if (stopped) return;
    const seconds = manager.ring().policy.refreshSeconds / REFRESHES_PER_PERIOD;
    timer = setTimeout(() => void refresh().then(armRefresh), Math.min(seconds, TIMER_SECONDS_MAX) * 1000);
  };
  armRefresh();

  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await ticks.destroy();
      await Promise.all(underWay);
    },
  };
}

function jitterMilliseconds(tickSchedule: string): number {
  const probe = cron.createTask(tickSchedule, () => undefined);
  const [first, second] = probe.getNextRuns(2);
  void probe.destroy();
  const apart = first === undefined || second === undefined ? 0 : second.getTime() - first.getTime();
  return Math.min(JITTER_SECONDS_MAX * 1000, Math.floor(apart / JITTER_PART));
}
