/**
 * What is to happen, in the order of true time. One event at a time: the next begins only when all
 * that the last one set going has come to rest, so that nothing depends on the machine's own timing.
 */

/** True where something was set going that has to come to rest first. */
export type Happening = () => unknown;

interface Entry {
  readonly at: number;
  readonly order: number;
  readonly happen: Happening;
}

export class Agenda {
  /** True time, in seconds. No clock in the world shows it. */
  now = 0;
  events = 0;
  private readonly heap: Entry[] = [];
  private order = 0;
  private readonly rest: () => Promise<void>;

  constructor(rest: () => Promise<void>) {
    this.rest = rest;
  }

  at(at: number, happen: Happening): void {
    this.order++;
    this.heap.push({ at: Math.max(at, this.now), order: this.order, happen });
    this.rise(this.heap.length - 1);
  }

  after(seconds: number, happen: Happening): void {
    this.at(this.now + seconds, happen);
  }

  /** A promise that resolves so much later. */
  delay(seconds: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(seconds, () => {
        resolve();
        return true;
      });
    });
  }

  /** Lives until `end`, or until `stop` says so. */
  async run(end: number, stop: () => boolean): Promise<void> {
    for (let entry = this.heap[0]; entry !== undefined && entry.at <= end; entry = this.heap[0]) {
      this.take();
      this.now = entry.at;
      this.events++;
      if (entry.happen() === true) await this.rest();
      if (stop()) return;
    }
    this.now = end;
  }

  private take(): void {
    const last = this.heap.pop() as Entry;
    if (this.heap.length === 0) return;
    this.heap[0] = last;
    this.sink(0);
  }

  private rise(from: number): void {
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.swapIfEarlier(index, parent)) return;
      index = parent;
    }
  }

  private sink(from: number): void {
    let index = from;
    for (;;) {
      const left = 2 * index + 1;
      if (left >= this.heap.length) return;
      const right = left + 1;
      const child = right < this.heap.length && this.isEarlier(right, left) ? right : left;
      if (!this.swapIfEarlier(child, index)) return;
      index = child;
    }
  }

  private swapIfEarlier(child: number, parent: number): boolean {
    if (!this.isEarlier(child, parent)) return false;
    const entry = this.heap[child] as Entry;
    this.heap[child] = this.heap[parent] as Entry;
    this.heap[parent] = entry;
    return true;
  }

  private isEarlier(one: number, other: number): boolean {
    const a = this.heap[one] as Entry;
    const b = this.heap[other] as Entry;
    return a.at < b.at || (a.at === b.at && a.order < b.order);
  }
}
