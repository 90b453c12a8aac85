import { availableParallelism } from "node:os";

/** Does `work` for each, a few at a time: most of it waits for processes to start and to end. */
export async function abreast<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  async function lane(): Promise<void> {
    for (let at = next++; at < all.length; at = next++) results[at] = await work(all[at] as T);
  }
  await Promise.all(Array.from({ length: 2 * availableParallelism() }, lane));
  return results;
}
