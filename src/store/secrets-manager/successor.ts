/** Whether a version that someone left half done may be made the ring. */
import type { Accepts } from "../store.ts";

/**
 * The default, while nobody who knows the KEK has told better: a ring or a book of API tokens (both name themselves and count their generations) is
 * followed by its own next generation. Whether that is authentic is asked of every ring that is loaded;
 * this is to keep what was never meant for a ring from becoming one. A text that is neither, as a test of
 * the store alone may keep, is followed by any other such text.
 */
export const isNextGeneration: Accepts = async (successor, base) => {
  const next = countedIn(successor);
  if (base === null) return next === null || next.generation === 1;
  const last = countedIn(base);
  if (last === null || next === null) return last === next;
  return next.member === last.member && next.id === last.id && next.generation === last.generation + 1;
};

interface Counted {
  readonly member: string;
  readonly id: string;
  readonly generation: number;
}

/** The member of a document that has an id and counts its generations. */
function countedIn(text: string): Counted | null {
  for (const [member, value] of membersOf(parsed(text))) {
    const { id, generation } = Object.fromEntries(membersOf(value));
    if (typeof id === "string" && typeof generation === "number") return { member, id, generation };
  }
  return null;
}

function membersOf(value: unknown): [string, unknown][] {
  return typeof value === "object" && value !== null ? Object.entries(value) : [];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
