/** Which book may follow which, where a store finds a commit that another node left half done. */
import type { Kek } from "../keys/kek.ts";
import { authentic } from "../store/authentic.ts";
import type { Accepts } from "../store/store.ts";
import { openBook } from "./sealed-book.ts";

/** One that opens under a KEK in use, beside the same ring, as the next generation of the same book. */
export function followsBook(keks: readonly Kek[], ring: string): Accepts {
  return authentic(async (successor, base) => {
    const { book } = await openBook(successor, keks, ring);
    if (base === null) return book.generation === 1;
    const { book: last } = await openBook(base, keks, ring);
    return book.id === last.id && book.generation === last.generation + 1;
  });
}
