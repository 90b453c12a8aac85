/** From orders to tokens: alone or in a batch, where one bad order must not spoil the others. */
import { KeyturnError } from "../errors.ts";
import type { Calls, Settled } from "./calls.ts";
import type { HeldTokens } from "./held-tokens.ts";
import { BATCH_BYTES, signBatch, signOne } from "./operations.ts";
import type { BatchLimits, Order, Outcome } from "./outbox.ts";
import type { Service, ServiceRequest } from "./service.ts";
import type { Claims } from "./signed-token.ts";

/** What the service takes in one request. */
const BATCH_ORDERS_MAX = 100;
const BATCH_BYTES_MAX = 262_144;

type Refused = Extract<Settled<unknown>, { kind: "refused" }>;

export interface Signing {
  /** Settles every order; never rejects. */
  send(orders: readonly Order[]): Promise<void>;
  limits(): BatchLimits;
}

export function createSigning({
  held,
  calls,
  service,
}: {
  held: HeldTokens;
  calls: Calls;
  service: Service;
}): Signing {
  /** An older service signs one at a time. */
  let hasBatches = true;

  function ask<T>(request: ServiceRequest<T>, endsBy: number): Promise<Settled<T>> {
    return calls.patiently((seconds) => held.present(({ text }) => service(request, text, seconds)), endsBy);
  }

  async function alone(order: Order): Promise<void> {
    const answer = await ask(signOne(order.json), order.endsBy);
    order.settle(answer.kind === "done" ? { token: answer.value } : { error: answer.error });
  }

  async function together(orders: readonly Order[]): Promise<void> {
    const endsBy = Math.min(...orders.map((order) => order.endsBy));
    const answer = await ask(signBatch(orders.map(({ json }) => json)), endsBy);
    if (answer.kind === "done") {
      for (const [index, token] of answer.value.entries()) orders[index]?.settle({ token });
    } else if (answer.status === 404 || answer.status === 405) {
      hasBatches = false;
      await Promise.all(orders.map((order) => send([order])));
    } else if (!isAboutOrders(answer)) {
      settleAll(orders, { error: answer.error });
    } else {
      const bad = namedIn(answer.error, orders.length);
      // Where nobody says which is bad, halving finds it. What is bad stands alone in the end, and is told why.
      const half = Math.ceil(orders.length / 2);
      const isFirst = bad.size > 0 ? (index: number) => !bad.has(index) : (index: number) => index < half;
      await send(orders.filter((_, index) => isFirst(index)));
      const others = orders.filter((_, index) => !isFirst(index));
      if (bad.size > 0) for (const order of others) await send([order]);
      else await send(others);
    }
  }

  async function send(orders: readonly Order[]): Promise<void> {
    try {
      const [first] = orders;
      if (first === undefined) return;
      if (orders.length === 1) await alone(first);
      else await together(orders);
    } catch (error) {
      settleAll(orders, { error });
    }
  }

  return {
    send,
    limits: () => ({ orders: hasBatches ? BATCH_ORDERS_MAX : 1, bytes: BATCH_BYTES_MAX - BATCH_BYTES }),
  };
}

/** Whether it may be one order that spoils the others. What is about the caller is so for each of them. */
function isAboutOrders({ status, error }: Refused): boolean {
  return [400, 413, 422].includes(status) || error.code === "scope_exceeded";
}

/** Which orders of a batch a refusal is about, by its JSON pointers. */
function namedIn({ problems }: KeyturnError, count: number): ReadonlySet<number> {
  const named = problems.map(({ at }) => Number(/^\/tokens\/(\d{1,3})(?:\/|$)/.exec(at)?.[1] ?? Number.NaN));
  return new Set(named.filter((index) => index < count));
}

function settleAll(orders: readonly Order[], outcome: Outcome): void {
  for (const { settle } of orders) settle(outcome);
}

/**
 * What is to be signed, as it goes to the service. The service judges the claims; this only says what JSON cannot.
 * @throws KeyturnError `claims_invalid`
 */
export function orderJson(claims: Claims, expiresInSeconds: number | undefined): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(claims);
  } catch {
    // The cause would name members of the claims.
  }
  if (json === undefined || !json.startsWith("{")) {
    throw new KeyturnError("claims_invalid", "The claims are not an object that JSON can say.", {
      fix: "Pass a plain object like { sub, aud }, without bigints and circular references.",
    });
  }
  if (expiresInSeconds === undefined) return `{"claims":${json}}`;
  if (!Number.isInteger(expiresInSeconds) || expiresInSeconds < 1) {
    throw new KeyturnError(
      "claims_invalid",
      "expiresInSeconds is not a whole number of seconds, at least 1.",
      {
        fix: "Pass whole seconds, or leave it out for as long as the service allows.",
      },
    );
  }
  return `{"claims":${json},"expiresInSeconds":${expiresInSeconds}}`;
}
