/**
 * Lets a scheduler choose among all that could happen next. Disk and cryptography take their own time,
 * so after each turn everything under way is let run until it waits for a turn again, or is done;
 * otherwise the scheduler would find one thing ready at a time, and there would be no race.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import fc from "fast-check";

export interface Pace {
  /** For `fc.scheduler`: what a turn is wrapped in. */
  readonly act: fc.SchedulerAct;
  /** Forgets an earlier race. */
  start(scheduler: fc.Scheduler, sleep?: Sleep): void;
  /** Work of an actor, who does one thing at a time. */
  run<T>(actor: string, work: () => Promise<T>): Promise<T>;
  /** Waits for a turn, on behalf of whoever's work this is; at once where it is nobody's. */
  turn(label: string): Promise<void>;
}

/** One actor falls asleep, and the others go on: chance alone lets nobody wait for long. */
export interface Sleep {
  /** Which one, in the order of their beginning. */
  readonly actor: number;
  /** Before which of its turns, by number or by the first of that name; and how many turns it lets pass. */
  readonly before: number | string;
  readonly turns: number;
}

/** @param decisive names of turns that are worth sleeping before: after the last look, before the deed */
export function sleepsBefore(...decisive: readonly string[]): fc.Arbitrary<Sleep> {
  return fc.record({
    actor: fc.nat({ max: 8 }),
    before: fc.oneof(fc.nat({ max: 12 }), fc.constantFrom(...decisive)),
    turns: fc.oneof(fc.nat({ max: 60 }), fc.integer({ min: 60, max: 200 })),
  });
}

interface Actor {
  readonly number: number;
  pending: number;
  waiting: number;
  turnsTaken: number;
}

export function newPace(): Pace {
  const working = new AsyncLocalStorage<Actor>();
  let actors = new Map<string, Actor>();
  let turns: fc.Scheduler | null = null;
  let sleep: Sleep | null = null;

  const isBusy = () => [...actors.values()].some(({ pending, waiting }) => pending > 0 && waiting === 0);

  return {
    async act(take) {
      await take();
      do await new Promise(setImmediate);
      while (isBusy());
    },
    start(scheduler, asleep) {
      actors = new Map();
      sleep = asleep ?? null;
      turns = scheduler;
    },
    async run(name, work) {
      const actor = actors.get(name) ?? { number: actors.size, pending: 0, waiting: 0, turnsTaken: 0 };
      actors.set(name, actor);
      actor.pending += 1;
      return working.run(actor, work).finally(() => {
        actor.pending -= 1;
      });
    },
    async turn(label) {
      const actor = working.getStore();
      if (actor === undefined || turns === null) return;
      const isNow =
        sleep?.actor === actor.number && (sleep.before === actor.turnsTaken || sleep.before === label);
      const asleep = isNow && sleep !== null ? sleep.turns : 0;
      if (isNow) sleep = null;
      actor.turnsTaken += 1;
      actor.waiting += 1;
      for (let left = asleep; left >= 0; left--) await turns.schedule(Promise.resolve(), label);
      actor.waiting -= 1;
    },
  };
}
