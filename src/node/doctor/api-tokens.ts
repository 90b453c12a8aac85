/** Whether the book of API tokens can be read, is this ring's, and lies in no future. */
import { isLive } from "../../api-tokens/api-token.ts";
import { SKEW_SECONDS } from "../../api-tokens/book-time.ts";
import { openBook } from "../../api-tokens/sealed-book.ts";
import type { TokenBook } from "../../api-tokens/token-book.ts";
import { isKeyturnError } from "../../errors.ts";
import type { Config } from "../config.ts";
import { storeOf } from "../store.ts";
import type { Evidence } from "./evidence.ts";
import { type Fault, type Finding, failing, finding, warning } from "./finding.ts";

const NAME = "api-tokens";

/** Null where KEK or ring cannot be read: those findings come first. */
export async function checkApiTokens(
  config: Config,
  { keks, ring }: Evidence,
  now: number,
): Promise<Finding | null> {
  if (isKeyturnError(keks) || isKeyturnError(ring)) return null;
  try {
    const stored = await storeOf(config, "api-tokens").load();
    if (stored === null) return finding(NAME, [], "No API token has been issued.");
    const { book } = await openBook(stored.document, keks, ring.ring.id);
    const good = book.tokens.filter((token) => isLive(token, now)).length;
    return finding(NAME, datedAhead(book, now), `The book of API tokens is whole; ${good} are good.`);
  } catch (error) {
    if (!isKeyturnError(error)) throw error;
    return finding(NAME, [failing(error.message, error.fix)], "");
  }
}

/** Nodes that start judge by the date of the book where it is later than their clock's. */
function datedAhead({ committedAt }: TokenBook, now: number): Fault[] {
  const seconds = committedAt - now;
  if (seconds <= SKEW_SECONDS) return [];
  return [
    warning(
      `The API tokens were last changed ${seconds} s in the future of this clock, and nodes that start go by that.`,
      "Set the clock right that is wrong. Where tokens are refused for it, put a copy of the book from before back and restart the nodes, or issue anew.",
    ),
  ];
}
