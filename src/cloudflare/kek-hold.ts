/** When an object seals ring and API tokens anew: a new KEK has a hold, as keys have. */
import { type ObjectStorage, storageRefusal } from "../store/durable-object.ts";

/**
 * By then a gradual deployment is through, one that was wrong is rolled back, and isolates of the version before
 * have gone: whoever is left can open what is sealed under the new KEK.
 */
export const REWRAP_AFTER_SECONDS = 3600;

export interface KekHold {
  /**
   * Notes which KEK is preferred at `now`, and since when without a break.
   *
   * @returns whether that is long enough to seal under it
   * @throws KeyturnError `store_unavailable`, `store_full`
   */
  isOver(kek: string, now: number): boolean;
}

export function kekHold({ sql }: Pick<ObjectStorage, "sql">): KekHold {
  return {
    isOver(kek, now) {
      try {
        sql.exec(TABLE);
        sql.exec(NOTE, kek, now);
        const since = Number(sql.exec(READ).toArray()[0]?.["since"]);
        return isLongEnough(since, now);
      } catch (error) {
        throw storageRefusal(error, "the Durable Object's storage (KEK)");
      }
    },
  };
}

export function isLongEnough(since: number, now: number): boolean {
  return now - since >= REWRAP_AFTER_SECONDS;
}

const TABLE =
  "CREATE TABLE IF NOT EXISTS preferred_kek " +
  "(only INTEGER PRIMARY KEY CHECK (only = 1), kek TEXT NOT NULL, since INTEGER NOT NULL) STRICT";

/** A rollback to the KEK before begins anew, and so does an instant that a wrong clock has put into the future. */
const NOTE =
  "INSERT INTO preferred_kek (only, kek, since) VALUES (1, ?, ?) ON CONFLICT (only) DO UPDATE " +
  "SET kek = excluded.kek, since = excluded.since WHERE kek <> excluded.kek OR since > excluded.since";
const READ = "SELECT since FROM preferred_kek";
