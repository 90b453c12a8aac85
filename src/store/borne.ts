/** What a store bears, by its own account or by that of who configures it. */
import type { RingStore } from "./store.ts";

/** @param writesEverySeconds one commit in so many; 0: any number; null: what the store says itself. */
export function bearing(store: RingStore, writesEverySeconds: number | null): RingStore {
  const { writesEverySeconds: own, ...rest } = store;
  const borne = writesEverySeconds ?? own ?? 0;
  return borne === 0 ? rest : { ...rest, writesEverySeconds: borne };
}
