import { describe, expect, it } from "vitest";
import { paced } from "../../src/api-tokens/paced.ts";
import { manualClock } from "../manager/manual-clock.ts";

/** Work that ends when the test says so, and pauses that only move the clock. */
function bench() {
  const clock = manualClock();
  const begun: { readonly at: number; end(error?: Error): void }[] = [];
  const pauses: number[] = [];
  const ask = paced(
    () =>
      new Promise<void>((resolve, reject) => {
        begun.push({ at: clock.monotonic(), end: (error) => (error ? reject(error) : resolve()) });
      }),
    1,
    clock,
    async (milliseconds) => {
      pauses.push(milliseconds);
      clock.advance(milliseconds / 1000);
    },
  );
  return { clock, begun, pauses, ask };
}

/** Lets everything that is ready to go on do so. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("paced work", () => {
  it("begins at once for the first who asks", async () => {
    const { begun, pauses, ask } = bench();
    const asked = ask();
    await settled();
    expect(begun).toHaveLength(1);
    begun[0]?.end();
    await asked;
    expect(pauses).toEqual([]);
  });

  it("is not joined by who asks after it began, since it may have missed what they are after", async () => {
    const { begun, ask } = bench();
    const first = ask();
    await settled();
    let answered = false;
    const second = ask().then(() => {
      answered = true;
    });
    begun[0]?.end();
    await first;
    await settled();
    expect(answered).toBe(false);
    expect(begun).toHaveLength(2);
    begun[1]?.end();
    await second;
    expect(answered).toBe(true);
  });

  it("begins once for all who wait, and a second after the time before", async () => {
    const { clock, begun, pauses, ask } = bench();
    const first = ask();
    await settled();
    clock.advance(0.3);
    begun[0]?.end();
    await first;
    const many = Array.from({ length: 100 }, () => ask());
    await settled();
    expect(begun).toHaveLength(2);
    expect((begun[1]?.at ?? 0) - (begun[0]?.at ?? 0)).toBeCloseTo(1, 2);
    expect(pauses).toEqual([700]);
    begun[1]?.end();
    await Promise.all(many);
  });

  it("fails for those who waited for it, and is tried again for the next", async () => {
    const { begun, ask } = bench();
    const [one, two] = [ask(), ask()];
    await settled();
    begun[0]?.end(new Error("the store is down"));
    await expect(one).rejects.toThrow("the store is down");
    await expect(two).rejects.toThrow("the store is down");
    const next = ask();
    await settled();
    begun[1]?.end();
    await expect(next).resolves.toBeUndefined();
  });
});
