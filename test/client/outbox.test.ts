import fc from "fast-check";
import { expect, it } from "vitest";
import { batchLength, createOutbox, type Order } from "../../src/client/outbox.ts";

const order = (bytes: number): Order => ({ json: "{}", bytes, endsBy: 0, settle: () => undefined });

it("fills a batch to its limits, of one order at least", () => {
  const sizes = fc.array(fc.nat(50), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 10 }), fc.nat(200), (bytes, orders, bytesMax) => {
      const count = batchLength(bytes.map(order), { orders, bytes: bytesMax });
      const sum = (length: number) => bytes.slice(0, length).reduce((total, each) => total + each + 1, 0);
      expect(count).toBeGreaterThanOrEqual(1);
      expect(count).toBeLessThanOrEqual(Math.min(orders, bytes.length));
      if (count > 1) expect(sum(count)).toBeLessThanOrEqual(bytesMax);
      if (count < Math.min(orders, bytes.length)) expect(sum(count + 1)).toBeGreaterThan(bytesMax);
    }),
  );
});

it("sends each order once, in turn, in no more requests at a time than it may", async () => {
  const pace = fc.record({
    requestsMax: fc.integer({ min: 1, max: 4 }),
    together: fc.integer({ min: 1, max: 5 }),
  });
  await fc.assert(
    fc.asyncProperty(
      pace,
      fc.array(fc.boolean(), { maxLength: 40 }),
      async ({ requestsMax, together }, moves) => {
        const sent: Order[] = [];
        const landing: (() => void)[] = [];
        let most = 0;
        const limits = () => ({ orders: together, bytes: Number.POSITIVE_INFINITY });
        const outbox = createOutbox(requestsMax, limits, (orders) => {
          expect(orders.length).toBeLessThanOrEqual(together);
          sent.push(...orders);
          return new Promise((resolve) => {
            landing.push(resolve);
            most = Math.max(most, landing.length);
          });
        });
        const put: Order[] = [];
        for (const isPut of moves) {
          if (isPut) {
            const next = order(1);
            put.push(next);
            outbox.put(next);
          } else landing.shift()?.();
          if (put.length % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        while (outbox.waiting() > 0) {
          landing.shift()?.();
          await new Promise((resolve) => setImmediate(resolve));
        }
        await outbox.empty();
        expect(sent).toEqual(put);
        expect(new Set(sent).size).toBe(put.length);
        expect(most).toBeLessThanOrEqual(requestsMax);
      },
    ),
  );
});

it("is empty when the last has been answered, and not before", async () => {
  let land = () => {};
  const outbox = createOutbox(
    1,
    () => ({ orders: 1, bytes: 1 }),
    () => new Promise((resolve) => (land = resolve)),
  );
  await outbox.empty();
  outbox.put(order(1));
  let isEmpty = false;
  const emptying = outbox.empty().then(() => {
    isEmpty = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isEmpty).toBe(false);
  expect(outbox.waiting()).toBe(1);
  land();
  await emptying;
  expect(outbox.waiting()).toBe(0);
});
