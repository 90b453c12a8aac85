/** What happened in a world, as it is told when a promise was broken. Kids are named in the order of their birth. */

export interface Line {
  readonly at: number;
  readonly who: string;
  readonly what: string;
}

export class Story {
  readonly lines: Line[] = [];
  private readonly names = new Map<string, string>();
  private readonly clock: { readonly now: number };
  private readonly isTold: boolean;

  constructor(clock: { readonly now: number }, isTold: boolean) {
    this.clock = clock;
    this.isTold = isTold;
  }

  tell(who: string, what: () => string): void {
    if (this.isTold) this.lines.push({ at: this.clock.now, who, what: what() });
  }

  nameOf(kid: string): string {
    const known = this.names.get(kid) ?? `key${this.names.size + 1}`;
    this.names.set(kid, known);
    return known;
  }

  toString(): string {
    return this.lines
      .map(({ at, who, what }) => `${at.toFixed(3).padStart(12)}  ${who.padEnd(12)}  ${what}`)
      .join("\n");
  }
}

/** A promise that was broken, by which invariant. */
export interface Violation {
  readonly invariant: string;
  readonly at: number;
  readonly what: string;
}
