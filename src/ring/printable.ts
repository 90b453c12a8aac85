/** What people write about themselves and why: it ends up in logs and terminals, and must steer neither. */
import { KeyturnError } from "../errors.ts";

/** A paragraph at most. */
export const PRINTABLE_LENGTH_MAX = 500;

/** Control and format characters (line feeds, escapes, changes of direction), halves of surrogate pairs. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

export function isPrintable(text: string): boolean {
  return !UNPRINTABLE.test(text);
}

/** @throws KeyturnError `reason_invalid` when it is empty, too long, or holds what does not print. */
export function printable(what: "A reason" | "An actor", text: string): string {
  if (text !== "" && text.length <= PRINTABLE_LENGTH_MAX && isPrintable(text)) return text;
  throw new KeyturnError(
    "reason_invalid",
    `${what} of 1 to ${PRINTABLE_LENGTH_MAX} printable characters is needed.`,
    {
      fix: "Say who and why in one line each, like: laptop with the backup was stolen.",
    },
  );
}
