/** API tokens as a test opens them: a store that fails on demand, a clock that it moves, what was told. */
import { type ApiTokens, type ApiTokensOptions, createApiTokens } from "../../src/api-tokens/api-tokens.ts";
import type { KeyturnEvent } from "../../src/telemetry/events.ts";
import { kek } from "../keys/sample-key.ts";
import { type FaultyStore, faultyStore, type Place, place } from "../manager/faulty-store.ts";
import { type ManualClock, manualClock } from "../manager/manual-clock.ts";

export interface Opened {
  readonly tokens: ApiTokens;
  readonly place: Place;
  readonly store: FaultyStore;
  readonly clock: ManualClock;
  readonly events: KeyturnEvent[];
  /** Another node on the same place, with the same clock unless told otherwise. */
  another(options?: Partial<ApiTokensOptions>): Promise<Opened>;
}

/** Pausing moves the clock, so a test waits for nothing. */
export async function open(options: Partial<ApiTokensOptions> = {}, there: Place = place()): Promise<Opened> {
  const clock = (options.clock as ManualClock | undefined) ?? manualClock();
  const store = faultyStore(there);
  const events: KeyturnEvent[] = [];
  const tokens = await createApiTokens({
    store,
    ring: RING,
    keks: [kek],
    clock,
    onEvent: (event) => events.push(event),
    pause: async (milliseconds) => clock.advance(milliseconds / 1000),
    ...options,
  });
  return {
    tokens,
    place: there,
    store,
    clock,
    events,
    another: (more = {}) => open({ clock, ...more }, there),
  };
}

/** Id of the ring that they guard. */
export const RING = "ring";

export const BY = { by: "cli:tester" };

/** The code with which `work` fails; undefined when it does not. */
export async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    (error) => error.code ?? String(error),
  );
}
