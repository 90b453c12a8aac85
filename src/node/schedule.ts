/**
 * The two things that a node does unasked: tick, by cron with jitter and never overlapping itself,
 * and refresh the ring. How often either runs changes nothing about when a step is lawful.
 *
 * node-cron tells when the next tick is due; the waiting is done here, a little at a time, so that a
 * wall clock that jumps neither keeps ticks away nor has every minute of a year made up for.
 */
import { randomInt } from "node:crypto";
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

/** How long a clock that was set may keep the next tick away, or its time go unnoticed. */
const LOOK_SECONDS = 30;

/** Longer delays overflow Node's timers (2^31 − 1 ms) and would fire at once. */
const TIMER_SECONDS_MAX = 86_400;

/** What a node does beside the manager, as often as that: never rejects. */
export interface Beside {
  /** After each tick. */
  tick(): Promise<unknown>;
  refresh(): Promise<unknown>;
}

export function startSchedule(
  manager: KeyManager,
  tickSchedule: string,
  onEvent: OnEvent,
  beside: Beside = { tick: async () => {}, refresh: async () => {} },
): Schedule {
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
      async () => {
        try {
          await manager.tick();
        } finally {
          await beside.tick();
        }
      },
      (error) => onEvent({ type: "tick_failed", error }),
    );
  // A failed refresh has been told as `store_failed`; the lease decides what follows from it.
  const refresh = () =>
    run(
      () => Promise.all([manager.refresh(), beside.refresh()]),
      () => undefined,
    );

  const ticks = everyTime(tickSchedule, tick);
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
      ticks.stop();
      await Promise.all(underWay);
    },
  };
}

/** Does `work` each time that the schedule says, and once for all the times that were missed. */
function everyTime(tickSchedule: string, work: () => Promise<void>): { stop(): void } {
  const plan = cron.createTask(tickSchedule, () => undefined);
  const jitterMilliseconds = jitterOf(plan.getNextRuns(2));
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  function arm(): void {
    if (stopped) return;
    const [next] = plan.getNextRuns(1);
    const dueAt = next === undefined ? Number.POSITIVE_INFINITY : next.getTime();
    wait(dueAt + (jitterMilliseconds > 0 ? randomInt(jitterMilliseconds) : 0), Date.now());
  }

  function wait(dueAt: number, since: number): void {
    timer = setTimeout(
      () => {
        const now = Date.now();
        // A clock that was set back makes the next time another one.
        if (now >= dueAt || now < since) void work().then(arm);
        else wait(dueAt, now);
      },
      Math.min(dueAt - since, LOOK_SECONDS * 1000),
    );
  }

  arm();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
      void plan.destroy();
    },
  };
}

function jitterOf([first, second]: readonly Date[]): number {
  const apart = first === undefined || second === undefined ? 0 : second.getTime() - first.getTime();
  return Math.min(JITTER_SECONDS_MAX * 1000, Math.floor(apart / JITTER_PART));
}
