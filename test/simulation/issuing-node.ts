/** One machine with one process of the product on it: signs, serves the JWKS, takes the schedule's steps. */
import { type JwksAnswer, type JwksAnswers, jwksAnswers } from "../../src/http/jwks.ts";
import { createKeyManager, type KeyManager, type KeyManagerOptions } from "../../src/manager/manager.ts";
import type { Anchor } from "../../src/manager/snapshot.ts";
import type { MachineClock } from "./machine-clock.ts";
import type { SimulatedStore, StoreHandle } from "./simulated-store.ts";

export const ISSUER = "https://auth.example.com";
export const KEK = "3UQKwGr-TAc0nOlu0xQ3tjrE1XlRISVB6Lw-gV34ZFM";

export class IssuingNode {
  readonly name: string;
  readonly clock: MachineClock;
  readonly store: SimulatedStore;
  handle: StoreHandle;
  keys: KeyManager | null = null;
  answers: JwksAnswers | null = null;
  /** What its audit log saw last; it outlives the process. */
  anchor: Anchor | undefined;
  /** Of its process: what goes on, so that nothing is begun twice. */
  readonly underWay = new Set<string>();
  /** Of operators. */
  commands = { given: 0, done: 0 };
  boots = 0;
  /** For how long the machine had been suspended when the process started. */
  suspendedBefore = 0;
  /** True time until which the process or the machine stands still. */
  frozenUntil = 0;

  constructor(name: string, clock: MachineClock, store: SimulatedStore) {
    this.name = name;
    this.clock = clock;
    this.store = store;
    this.handle = store.handle(name);
  }

  /** Starts a process. The one before it, if any, is gone. */
  async boot(policy?: KeyManagerOptions["policy"]): Promise<void> {
    this.boots++;
    const boot = this.boots;
    const handle = this.store.handle(this.name);
    this.handle.isDead = true;
    this.handle = handle;
    this.suspendedBefore = this.clock.suspendedSeconds;
    this.keys = null;
    this.answers = null;
    this.underWay.clear();
    this.commands = { given: 0, done: 0 };
    const keys = await createKeyManager({
      store: handle,
      issuer: ISSUER,
      kek: KEK,
      clock: this.clock,
      ...(policy === undefined ? {} : { policy }),
      ...(this.anchor === undefined ? {} : { anchor: this.anchor, createIfMissing: false }),
      onEvent: (event) => {
        if (event.type === "ring_advanced" && boot === this.boots) this.anchor = event.records.at(-1);
      },
    });
    if (boot !== this.boots) return;
    this.keys = keys;
    this.answers = jwksAnswers(keys);
  }

  isUp(now: number): boolean {
    return this.keys !== null && now >= this.frozenUntil;
  }

  /** How old the ring that it serves is in truth. */
  ageSeconds(now: number): number {
    return now - this.handle.readAt;
  }

  serve(etag: string | undefined): JwksAnswer | null {
    return this.answers === null ? null : this.answers(etag);
  }
}
