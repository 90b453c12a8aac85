/**
 * Rates that can be compared on a noisy machine. No contender is measured for long: every slice of
 * one lies between two slices of the reference, in each round in another order, and what is
 * reported is the median over the rounds of its ratio to the two. A disturbance that lasts longer
 * than a slice hits both sides of the ratio; a shorter one is an outlier, which a median ignores.
 */
import { threadTime } from "./stopwatch.ts";

export interface Contender {
  readonly name: string;
  /** Works for one slice of time and tells the rate it reached, in operations per second. */
  readonly slice: () => Promise<number>;
}

export interface Rate {
  readonly name: string;
  readonly opsPerSecond: number;
  /** To the reference. */
  readonly ratio: number;
}

/** Long enough for thousands of timer ticks, short enough that the neighbours see the same machine. */
const SLICE_MS = 25;

/** The first contender is the reference. */
export async function interleave(contenders: readonly Contender[], rounds: number): Promise<Rate[]> {
  const [reference, ...others] = contenders as [Contender, ...Contender[]];
  const rates = new Map(contenders.map(({ name }) => [name, [] as number[]]));
  const ratios = new Map(contenders.map(({ name }) => [name, [] as number[]]));

  for (let round = 0; round < rounds; round++) {
    let before = await reference.slice();
    for (const contender of rotated(others, round)) {
      const rate = await contender.slice();
      const after = await reference.slice();
      rates.get(contender.name)?.push(rate);
      ratios.get(contender.name)?.push((2 * rate) / (before + after));
      rates.get(reference.name)?.push(after);
      before = after;
    }
  }

  ratios.set(reference.name, [1]);
  return contenders.map(({ name }) => ({
    name,
    opsPerSecond: median(rates.get(name) ?? []),
    ratio: median(ratios.get(name) ?? []),
  }));
}

/** A contender that calls `operation` over and over, awaiting each call if it returns a promise. */
export async function repeated(
  name: string,
  operation: () => unknown,
  warmUpMilliseconds: number,
): Promise<Contender> {
  const loop = isPromise(operation()) ? awaiting(operation) : calling(operation);
  return paced(name, loop, threadTime, warmUpMilliseconds);
}

/**
 * A contender with so many calls under way at any time. It is timed by the ordinary clock: work on
 * the thread pool competes with this thread for cores, and what this thread waits for its own
 * helpers is part of what they cost.
 */
export async function concurrent(
  name: string,
  operation: () => unknown,
  workers: number,
  warmUpMilliseconds: number,
): Promise<Contender> {
  return paced(name, sharing(operation, workers), () => performance.now(), warmUpMilliseconds);
}

/**
 * The warm-up is for V8 to optimise the loop, and finds out how many calls fill a slice, so that no
 * clock is read inside one.
 */
async function paced(
  name: string,
  loop: Loop,
  clock: () => number,
  warmUpMilliseconds: number,
): Promise<Contender> {
  async function milliseconds(calls: number): Promise<number> {
    const start = clock();
    await loop(calls);
    return clock() - start;
  }
  let calls = 1;
  for (const deadline = performance.now() + warmUpMilliseconds; performance.now() < deadline; ) {
    const elapsed = await milliseconds(calls);
    calls = Math.max(1, Math.min(calls * 2, Math.round((calls * SLICE_MS) / elapsed)));
  }
  return { name, slice: async () => (1000 * calls) / (await milliseconds(calls)) };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

type Loop = (calls: number) => unknown;

function calling(operation: () => unknown): Loop {
  return (calls) => {
    for (let done = 0; done < calls; done++) operation();
  };
}

function awaiting(operation: () => unknown): Loop {
  return async (calls) => {
    for (let done = 0; done < calls; done++) await operation();
  };
}

/** Each worker takes the next call as soon as its last one is done. */
function sharing(operation: () => unknown, workers: number): Loop {
  return async (calls) => {
    let begun = 0;
    async function work(): Promise<void> {
      while (begun < calls) {
        begun++;
        await operation();
      }
    }
    await Promise.all(Array.from({ length: workers }, work));
  };
}

function isPromise(value: unknown): boolean {
  return value instanceof Promise;
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const at = by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}
