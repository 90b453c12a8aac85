/** What every store asks of a document before it writes one: that it is there, is text, and fits. */
import { KeyturnError } from "../errors.ts";
import { DOCUMENT_BYTES_MAX } from "./store.ts";

/**
 * Refuses what no store may take, so that a bug elsewhere never replaces a good ring.
 *
 * @throws KeyturnError `internal` when the document is empty or not text, `store_full` when it is too large.
 */
export function assertStorable(document: string): void {
  if (document === "") {
    throw new KeyturnError("internal", "An empty document was about to replace the ring.", { fix: REPORT });
  }
  // Half a surrogate pair has no UTF-8 form: a store would return another document than it was given.
  if (/\p{Surrogate}/u.test(document)) {
    throw new KeyturnError("internal", "The document holds half a surrogate pair, which is not text.", {
      fix: REPORT,
    });
  }
  const bytes = new TextEncoder().encode(document).length;
  if (bytes > DOCUMENT_BYTES_MAX) {
    throw new KeyturnError(
      "store_full",
      `The ring would take ${bytes} bytes; a store holds ${DOCUMENT_BYTES_MAX}.`,
      {
        fix: "Revoke keys that are no longer needed, or choose an algorithm with smaller keys.",
      },
    );
  }
}

const REPORT = "This is a bug in keyturn; please report it. The stored ring is as it was.";
