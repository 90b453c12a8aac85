/** The clocks of one machine. The true time is known to the world alone. */
import type { Clock } from "../../src/clock.ts";
import type { Agenda } from "./agenda.ts";

/** 2027-01-15T08:00:00Z, where every world begins. */
export const EPOCH = 1_800_000_000;

/** A machine's clocks as the world turns them. */
export class MachineClock implements Clock {
  /** How far the wall clock is off beyond what the skew allows; 0 when all is well. */
  jumpSeconds = 0;
  /** Since when, in true time, the wall clock shows what the skew allows. */
  soundSince = Number.NEGATIVE_INFINITY;
  /** How long the machine was suspended in all: its monotonic clock stood still. */
  suspendedSeconds = 0;
  private readonly agenda: Agenda;
  private readonly offsets: readonly [number, number];
  private readonly lifeSeconds: number;

  /** @param offsets from true time, at the beginning and at the end: it drifts from one to the other */
  constructor(agenda: Agenda, offsets: readonly [number, number], lifeSeconds: number) {
    this.agenda = agenda;
    this.offsets = offsets;
    this.lifeSeconds = lifeSeconds;
  }

  now(): number {
    return Math.floor(EPOCH + this.exact());
  }

  monotonic(): number {
    return 1000 + this.agenda.now - this.suspendedSeconds;
  }

  /** Wall time since the epoch of the world, with its fractions. */
  exact(): number {
    const [from, to] = this.offsets;
    const lived = Math.min(1, this.agenda.now / this.lifeSeconds);
    return this.agenda.now + from + (to - from) * lived + this.jumpSeconds;
  }

  mend(): void {
    if (this.jumpSeconds !== 0) this.soundSince = this.agenda.now;
    this.jumpSeconds = 0;
  }

  /** Whether it shows what the policy's skew allows. */
  get isSound(): boolean {
    return this.jumpSeconds === 0;
  }
}
