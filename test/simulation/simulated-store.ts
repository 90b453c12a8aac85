/**
 * The place where the ring is kept, and the handles on it, one for each process. The place does what
 * a store must; a handle is how a node sees it, through a network that delays, loses and lies.
 */
import { KeyturnError } from "../../src/errors.ts";
import { conflict } from "../../src/store/memory.ts";
import type { RingStore, Stored } from "../../src/store/store.ts";
import type { Agenda } from "./agenda.ts";
import type { Chance } from "./chance.ts";
import { EPOCH, type MachineClock } from "./machine-clock.ts";

/** How long a commit takes from the decision to the store, unless something is wrong. */
export const COMMIT_SECONDS_MAX = 0.3;

export type ReplaceFault =
  | "conflict"
  | "unavailable"
  | "lost, written"
  | "lost, not written"
  | "answered late"
  | "arrives late";
export type LoadFault = "unavailable" | "slow";

export class SimulatedStore {
  readonly history: Stored[] = [];
  present: Stored | null = null;
  private revisions = 0;
  private readonly agenda: Agenda;
  private readonly chance: Chance;
  /** Told of each commit, at the instant at which it is made. */
  onCommit: (document: string, by: string) => void = () => {};

  private readonly clock: MachineClock;

  /** @param clock by which it dates what it takes */
  constructor(agenda: Agenda, chance: Chance, clock: MachineClock) {
    this.agenda = agenda;
    this.chance = chance;
    this.clock = clock;
  }

  /** What was committed last, whatever lies there now. */
  get newest(): string | undefined {
    return this.history.at(-1)?.document;
  }

  commit(document: string, expected: string | null, by: string): string {
    if ((this.present?.revision ?? null) !== expected) throw conflict();
    this.present = this.taken(document);
    this.history.push(this.present);
    if (this.history.length > 8) this.history.shift();
    this.onCommit(document, by);
    return this.present.revision;
  }

  /** As whoever restores a backup does, past all nodes. */
  put(document: string): void {
    this.present = this.taken(document);
  }

  handle(name: string): StoreHandle {
    return new StoreHandle(this, this.agenda, this.chance.fork(), name);
  }

  private taken(document: string): Stored {
    this.revisions++;
    return { document, revision: `r${this.revisions}`, storedAt: EPOCH + this.clock.exact() };
  }
}

export class StoreHandle implements RingStore {
  readonly description = "simulated";
  readonly ephemeral = true;
  readonly replaceFaults: ReplaceFault[] = [];
  readonly loadFaults: LoadFault[] = [];
  /** What the next loads find, as on a replica that lags. */
  readonly staleReads: Stored[] = [];
  /** No call gets through. */
  isDown = false;
  /** The process is gone: what it waits for never comes. */
  isDead = false;
  /** True time until which the process does nothing, and so hears of nothing. */
  frozenUntil = 0;
  /** Since when a write of this process is under way; null when none is. */
  writingSince: number | null = null;
  /** When the newest ring that this process knows was asked for. */
  readAt = Number.NEGATIVE_INFINITY;
  writes = 0;
  private readonly place: SimulatedStore;
  private readonly agenda: Agenda;
  private readonly chance: Chance;
  readonly name: string;

  constructor(place: SimulatedStore, agenda: Agenda, chance: Chance, name: string) {
    this.place = place;
    this.agenda = agenda;
    this.chance = chance;
    this.name = name;
  }

  async load(): Promise<Stored | null> {
    const askedAt = this.agenda.now;
    const fault = this.isDown ? "unavailable" : this.loadFaults.shift();
    const seen = this.place.present;
    // A backup that was restored tells nothing of what is true now.
    const isTrue = seen?.document === this.place.newest;
    if (fault === "slow") await this.answerAfter(this.chance.between(1, 20));
    else if (this.chance.happens(0.2)) await this.answerAfter(this.chance.between(0, 0.2));
    if (fault === "unavailable") throw unavailable();
    const stale = this.staleReads.shift();
    if (stale !== undefined) return stale;
    if (isTrue) this.readAt = Math.max(this.readAt, askedAt);
    return seen;
  }

  async replace(document: string, expected: string | null): Promise<string> {
    this.writingSince = this.agenda.now;
    return this.written(document, expected).finally(() => {
      this.writingSince = null;
    });
  }

  private async written(document: string, expected: string | null): Promise<string> {
    const askedAt = this.agenda.now;
    const fault = this.isDown ? "unavailable" : this.replaceFaults.shift();
    if (fault === "conflict") throw conflict();
    if (fault === "unavailable") throw unavailable();
    if (fault === "lost, not written") {
      await this.answerAfter(this.chance.between(0, 5));
      throw commitUnknown();
    }
    // What is under way arrives, whatever becomes of who sent it.
    if (fault === "arrives late") await this.agenda.delay(this.chance.between(1, 60));
    else if (this.chance.happens(0.3)) await this.agenda.delay(this.chance.between(0, COMMIT_SECONDS_MAX));
    const revision = await this.arrived(document, expected);
    this.writes++;
    if (fault === "answered late") await this.answerAfter(this.chance.between(1, 20));
    else if (this.chance.happens(0.3)) await this.answerAfter(this.chance.between(0, 0.2));
    else await this.answerAfter(0);
    if (fault === "lost, written") throw commitUnknown();
    this.readAt = Math.max(this.readAt, askedAt);
    return revision;
  }

  private async arrived(document: string, expected: string | null): Promise<string> {
    try {
      return this.place.commit(document, expected, this.name);
    } catch (error) {
      await this.answerAfter(0);
      throw error;
    }
  }

  private async answerAfter(seconds: number): Promise<void> {
    if (seconds > 0) await this.agenda.delay(seconds);
    while (this.frozenUntil > this.agenda.now) await this.agenda.delay(this.frozenUntil - this.agenda.now);
    if (this.isDead) await never();
  }
}

function never(): Promise<never> {
  return new Promise(() => {});
}

function unavailable(): KeyturnError {
  return new KeyturnError("store_unavailable", "The store is down.", { fix: "Wait." });
}

function commitUnknown(): KeyturnError {
  return new KeyturnError("commit_unknown", "The answer was lost.", { fix: "Reload and look." });
}
