/** The one source of chance of a world: a small generator (splitmix32), so that a seed is the whole world. */

export interface Chance {
  /** In [0, 1). */
  next(): number;
  /** A whole number in [0, n). */
  below(n: number): number;
  between(least: number, most: number): number;
  /** A whole number in [least, most]. */
  whole(least: number, most: number): number;
  happens(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** A generator of its own, so that what one part of a world draws shifts nothing for the others. */
  fork(): Chance;
}

export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;

  function bits(): number {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  const chance: Chance = {
    next: () => bits() / 2 ** 32,
    below: (n) => Math.floor(chance.next() * n),
    between: (least, most) => least + chance.next() * (most - least),
    whole: (least, most) => least + chance.below(most - least + 1),
    happens: (probability) => chance.next() < probability,
    pick: <T>(list: readonly T[]) => list[chance.below(list.length)] as T,
    fork: () => chanceOf(bits()),
  };
  return chance;
}
