/** Answers to commands, in the object's own storage: an object rests after ten seconds without an event. */
import { type KeptAnswers, REMEMBERED_MAX, REMEMBERED_SECONDS } from "../http/idempotency.ts";
import { type ObjectStorage, storageRefusal } from "../store/durable-object.ts";

/** @param now wall time in epoch seconds: no other clock goes on while the object rests */
export function keptAnswers({ sql }: Pick<ObjectStorage, "sql">, now: () => number): KeptAnswers {
  function rows(query: string, ...bindings: readonly (string | number)[]): Record<string, unknown>[] {
    try {
      sql.exec(TABLE);
      return sql.exec(query, ...bindings).toArray();
    } catch (error) {
      throw storageRefusal(error, "the Durable Object's storage (answers)");
    }
  }

  return {
    find(name) {
      const [row] = rows(FIND, name, now() - REMEMBERED_SECONDS);
      return row === undefined ? null : { digest: String(row["digest"]), answer: String(row["answer"]) };
    },
    keep(name, { digest, answer }) {
      rows(KEEP, name, digest, answer, now());
      rows(FORGET, now() - REMEMBERED_SECONDS, REMEMBERED_MAX);
    },
  };
}

const TABLE =
  "CREATE TABLE IF NOT EXISTS answers " +
  "(name TEXT PRIMARY KEY, digest TEXT NOT NULL, answer TEXT NOT NULL, at INTEGER NOT NULL) STRICT";
const FIND = "SELECT digest, answer FROM answers WHERE name = ? AND at > ?";
const KEEP = "INSERT OR REPLACE INTO answers (name, digest, answer, at) VALUES (?, ?, ?, ?)";
const FORGET =
  "DELETE FROM answers WHERE at <= ? OR rowid IN (SELECT rowid FROM answers ORDER BY at DESC LIMIT -1 OFFSET ?)";
