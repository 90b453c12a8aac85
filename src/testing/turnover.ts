/** A ring's life at the pace of a movable clock, by the rules and holds of every other ring. */
import type { KeyManager } from "../manager/manager.ts";
import { emitterOf, keysIn } from "../ring/phase.ts";
import { nextDueAt } from "../ring/plan.ts";
import { nextEmitter } from "../ring/succession.ts";
import type { MovableClock } from "./movable-clock.ts";

/** While the fake time passes, other things may go on. */
export interface PassOptions {
  /**
   * Called, and awaited, after every `refreshSeconds` of the policy and at every step of the ring: where
   * a test verifies tokens as the time passes. Default: nothing.
   */
  readonly meanwhile?: () => unknown;
}

/** Who signed, and who signs now. */
export interface Turnover {
  readonly oldKid: string;
  readonly newKid: string;
}

export interface Turnovers {
  /** Lets fake time pass, in seconds; the ring takes each step when it falls due. */
  pass(seconds: number, options?: PassOptions): Promise<void>;
  /** See that the next key is in the JWKS, which with `standby` (the default) it always is. Takes no time. @returns its kid */
  publish(): Promise<string>;
  /** The next key signs. First passes what is left of its emit hold, on the fake clock. */
  emit(options?: PassOptions): Promise<Turnover>;
  /** A whole planned turnover: `publish`, the hold, `emit`. The old key stays published, as its tokens still count. */
  rotate(options?: PassOptions): Promise<Turnover>;
  /** Passes the retire hold: until the JWKS holds no key that signs no more. */
  retire(options?: PassOptions): Promise<void>;
}

export interface Schedule extends Turnovers {
  /** What a running node does all the time: reads the store, and takes the steps that are due. */
  keepUp(): Promise<void>;
}

/** @param onKept called when the ring is as it should be at that instant */
export function schedule(keys: KeyManager, clock: MovableClock, onKept: () => void): Schedule {
  async function keepUp(): Promise<void> {
    // The steps of one instant; a running schedule takes them tick by tick.
    do onKept();
    while ((await keys.tick()).step !== null);
  }

  async function pass(seconds: number, { meanwhile }: PassOptions = {}): Promise<void> {
    await keepUp();
    let left = seconds;
    while (left > 0) {
      const { policy } = keys.ring();
      const untilDue = (nextDueAt(keys.ring()) ?? Infinity) - clock.now();
      // A step that is due and not taken is one that waits for something else than time.
      const most = Math.min(left, untilDue > 0 ? untilDue : policy.refreshSeconds);
      const step = meanwhile === undefined ? most : Math.min(most, policy.refreshSeconds);
      clock.advance(step);
      left -= step;
      await keepUp();
      await meanwhile?.();
    }
  }

  async function publish(): Promise<string> {
    await keepUp();
    if (nextEmitter(keys.ring()) === undefined) {
      await keys.rotate({ actor: "test" });
      await keepUp();
    }
    const next = nextEmitter(keys.ring());
    if (next === undefined) throw new Error("The ring is full: let time pass until an old key has left.");
    return next.kid;
  }

  async function emit(options?: PassOptions): Promise<Turnover> {
    await keepUp();
    const oldKid = emitterOf(keys.ring()).kid;
    while (emitterOf(keys.ring()).kid === oldKid) {
      const { rotation, emitsAt } = await keys.rotate({ actor: "test" });
      await keepUp();
      if (rotation === "emitted") break;
      // Just turned over: the next turnover can be asked for only when that one has settled.
      const wait = emitsAt === null ? keys.ring().policy.refreshSeconds : emitsAt - clock.now();
      await pass(Math.max(1, wait), options);
    }
    return { oldKid, newKid: emitterOf(keys.ring()).kid };
  }

  async function retire(options?: PassOptions): Promise<void> {
    await keepUp();
    for (;;) {
      const endsAt = keysIn(keys.ring(), "retiring").map(({ acceptUntil }) => acceptUntil ?? 0);
      if (endsAt.length === 0) return;
      await pass(Math.max(1, Math.max(...endsAt) - clock.now()), options);
    }
  }

  return {
    keepUp,
    pass,
    publish,
    emit,
    retire,
    async rotate(options) {
      await publish();
      return emit(options);
    },
  };
}
