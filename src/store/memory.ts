import { KeyturnError } from "../errors.ts";
import { assertStorable } from "./document-limits.ts";
import type { RingStore, Stored } from "./store.ts";

/** The reference implementation: what every other store must be indistinguishable from. */
export function memoryStore(): RingStore {
  let stored: Stored | null = null;
  let commits = 0;
  return {
    description: "memory",
    ephemeral: true,
    load: async () => stored,
    async replace(document, expected) {
      assertStorable(document);
      if ((stored?.revision ?? null) !== expected) throw conflict();
      commits += 1;
      stored = { document, revision: String(commits) };
      return stored.revision;
    },
  };
}

/** What every store throws when another commit came first. Normal: the manager reloads and decides again. */
export function conflict(): KeyturnError {
  return new KeyturnError("conflict", "Another commit came first.", {
    fix: "Load the ring again and decide again.",
  });
}
