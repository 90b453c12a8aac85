/** What is read of a server's answer, and how much of it: no more than its reader has room for. */

/** The whole body, or null where it is larger. What is declared is not believed, only counted. */
export async function readAtMost(response: Response, maxBytes: number): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true };
    if (done || value === undefined) break;
    length += value.length;
    if (length > maxBytes) {
      void reader?.cancel().catch(() => undefined);
      return null;
    }
    chunks.push(value);
  }
  const body = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

/** An unread body would keep its connection. */
export function leaveUnread(response: Response): void {
  void response.body?.cancel().catch(() => undefined);
}

/** To another place. A browser hides where a redirect leads: status 0. */
export function isRedirect({ type, status }: Response): boolean {
  return type === "opaqueredirect" || (status >= 301 && status <= 308 && status !== 304);
}

/** Seconds or a date (RFC 9110 section 10.2.3); null where there is neither. */
export function retryAfterSeconds(headers: Headers, now: number): number | null {
  const value = headers.get("Retry-After")?.trim() ?? "";
  if (/^\d{1,10}$/.test(value)) return Number(value);
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date / 1000 - now);
}
