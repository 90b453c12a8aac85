/** A store that tells how long its calls take and how they end; otherwise it is the store that it is given. */
import type { Clock } from "../clock.ts";
import { isKeyturnError } from "../errors.ts";
import type { RingStore } from "../store/store.ts";
import type { KeyturnEvent, OnEvent } from "./events.ts";

type Operation = Extract<KeyturnEvent, { type: "store_called" }>["operation"];

/** @param clock whose monotonic hand measures; a wall clock that is set must not make a call look long. */
export function watchedStore(store: RingStore, clock: Clock, onEvent: OnEvent): RingStore {
  async function timed<T>(operation: Operation, call: () => Promise<T>): Promise<T> {
    const startedAt = clock.monotonic();
    const seconds = () => Math.max(0, clock.monotonic() - startedAt);
    try {
      const result = await call();
      onEvent({ type: "store_called", operation, outcome: "ok", seconds: seconds() });
      return result;
    } catch (error) {
      const outcome = isKeyturnError(error) ? error.code : "internal";
      onEvent({ type: "store_called", operation, outcome, seconds: seconds() });
      throw error;
    }
  }

  return {
    description: store.description,
    ...(store.ephemeral === undefined ? {} : { ephemeral: store.ephemeral }),
    ...(store.writesEverySeconds === undefined ? {} : { writesEverySeconds: store.writesEverySeconds }),
    load: () => timed("load", () => store.load()),
    replace: (document, expected) => timed("replace", () => store.replace(document, expected)),
    judgeBy: (accepts) => store.judgeBy?.(accepts),
  };
}
