/**
 * What is to be signed, on its way out. Calls of one turn of the event loop travel together, and so
 * does what comes while as many requests as there may be are under way: nothing waits for a timer, and
 * under load requests grow instead of multiplying.
 */
import type { SignedToken } from "./signed-token.ts";

export interface Order {
  /** `{ claims, expiresInSeconds? }` as JSON. */
  readonly json: string;
  /** Of it, in UTF-8. */
  readonly bytes: number;
  /** On the monotonic clock. */
  readonly endsBy: number;
  readonly settle: (outcome: Outcome) => void;
}

export type Outcome = { readonly token: SignedToken } | { readonly error: unknown };

export interface BatchLimits {
  readonly orders: number;
  readonly bytes: number;
}

export interface Outbox {
  put(order: Order): void;
  /** Orders that have no outcome yet. */
  waiting(): number;
  /** Resolves when there are none. */
  empty(): Promise<void>;
}

/**
 * @param send settles every order that it is given, and never rejects
 * @param limits of what travels together, asked each time
 */
export function createOutbox(
  requestsMax: number,
  limits: () => BatchLimits,
  send: (orders: readonly Order[]) => Promise<void>,
): Outbox {
  let queue: Order[] = [];
  let underWay = 0;
  let requests = 0;
  let planned = false;
  const emptied: (() => void)[] = [];

  function pump(): void {
    planned = false;
    while (queue.length > 0 && requests < requestsMax) {
      const count = batchLength(queue, limits());
      const orders = queue.slice(0, count);
      queue = queue.slice(count);
      requests++;
      underWay += count;
      void send(orders).then(() => {
        requests--;
        underWay -= count;
        if (queue.length > 0) pump();
        else if (underWay === 0) for (const resolve of emptied.splice(0)) resolve();
      });
    }
  }

  return {
    put(order) {
      queue.push(order);
      if (planned) return;
      planned = true;
      queueMicrotask(pump);
    },
    waiting: () => queue.length + underWay,
    async empty() {
      if (queue.length + underWay > 0) await new Promise<void>((resolve) => emptied.push(resolve));
    },
  };
}

/** How many of the first travel together: at least one, however large. */
export function batchLength(
  orders: readonly Order[],
  { orders: most, bytes: bytesMax }: BatchLimits,
): number {
  let bytes = 0;
  let count = 0;
  for (const order of orders) {
    bytes += order.bytes + 1;
    if (count === most || (count > 0 && bytes > bytesMax)) break;
    count++;
  }
  return count;
}
