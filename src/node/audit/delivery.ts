/** One delivery over HTTP, and how long to wait after one that failed. */
import { leaveUnread } from "../../answer.ts";
import { KeyturnError } from "../../errors.ts";
import { isSafeUrl } from "../../safe-url.ts";

export interface Receiver {
  readonly url: URL;
  /** Sent as `Authorization: Bearer …`; null: none. */
  readonly bearer: string | null;
  readonly fetch: typeof fetch;
}

/** Longer than any receiver should take to store a few records, shorter than a stop may take. */
const REQUEST_MILLISECONDS = 8000;

/** Short enough that a restart of the receiver costs seconds, doubled from one failure to the next. */
const BACKOFF_FIRST_SECONDS = 1;

/** A receiver that is back is found within a minute, long before the backlog becomes an alert. */
const BACKOFF_MAX_SECONDS = 60;

/**
 * Where audit records may be sent: https, or http on this machine, nothing secret in the URL's user part.
 *
 * @throws KeyturnError `config_invalid`
 */
export function receiverOf(url: string, bearer: string | null, how: typeof fetch = fetch): Receiver {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !isSafeUrl(parsed) || parsed.hash !== "") {
    throw unusable("auditUrl", "Expected an https URL without user and fragment; http on loopback only.");
  }
  // What does not fit into a header would be quoted by the error that says so.
  if (bearer !== null && !/^[A-Za-z0-9._~+/=-]+$/.test(bearer)) {
    throw unusable("auditTokenFile", "Expected one line of the characters that a bearer token may have.");
  }
  return { url: parsed, bearer, fetch: how };
}

/**
 * Sends lines of JSON. Acknowledged is what is answered with 2xx, and redirects are not followed.
 *
 * @throws KeyturnError `audit_undelivered`
 */
export async function deliver(receiver: Receiver, lines: readonly string[]): Promise<void> {
  const headers: Record<string, string> = { "Content-Type": "application/x-ndjson" };
  if (receiver.bearer !== null) headers["Authorization"] = `Bearer ${receiver.bearer}`;
  const response = await receiver
    .fetch(receiver.url, {
      method: "POST",
      headers,
      body: lines.map((line) => `${line}\n`).join(""),
      redirect: "manual",
      signal: AbortSignal.timeout(REQUEST_MILLISECONDS),
    })
    .catch((cause: unknown) => {
      throw undelivered(receiver, "did not answer", cause);
    });
  leaveUnread(response);
  if (!response.ok) throw undelivered(receiver, `answered ${response.status}`);
}

/** Full jitter: nodes that lost the same receiver do not come back to it in step. @param chance in [0, 1) */
export function backoffSeconds(failures: number, chance: number): number {
  return chance * Math.min(BACKOFF_MAX_SECONDS, BACKOFF_FIRST_SECONDS * 2 ** (failures - 1));
}

/** Of the URL only the origin is told: path and query may hold a secret. */
function undelivered({ url }: Receiver, what: string, cause?: unknown): KeyturnError {
  return new KeyturnError("audit_undelivered", `The audit sink at ${url.origin} ${what}.`, {
    fix: "Mend the receiver. The records stay in the ring's tail and the audit log, and are sent again.",
    cause,
  });
}

function unusable(setting: string, message: string): KeyturnError {
  return new KeyturnError("config_invalid", `The audit sink cannot be used. ${setting}: ${message}`, {
    fix: "Name where audit records are to be sent, like https://audit.example.com/keyturn.",
    problems: [{ code: "audit_sink_invalid", at: setting, message }],
  });
}
