/** Races are worth what their scheduler can choose among. */
import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import fc from "fast-check";
import { expect, it } from "vitest";
import { newPace } from "./pace.ts";

/** Two that each take three steps, with work of its own kind between two steps. */
async function orderOf(scheduler: fc.Scheduler, pace: ReturnType<typeof newPace>): Promise<string> {
  pace.start(scheduler);
  let order = "";
  const walk = (name: string, loops: number) =>
    pace.run(name, async () => {
      for (let step = 0; step < 3; step++) {
        await pace.turn(name);
        order += name;
        for (let loop = 0; loop < loops; loop++) await turnOfTheLoop();
      }
    });
  await scheduler.waitFor(Promise.all([walk("a", 0), walk("b", 9)]));
  return order;
}

it("reaches every order of the steps, however long the work between them takes", async () => {
  const pace = newPace();
  const orders = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.scheduler({ act: pace.act }), async (scheduler) => {
      orders.add(await orderOf(scheduler, pace));
    }),
    { numRuns: 400, seed: 1 },
  );
  // Three of six places for the one, the rest for the other.
  expect(orders.size).toBe(20);
});
