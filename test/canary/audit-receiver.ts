/** Another machine that takes audit records, on loopback: all that it is sent, but for what it was given. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { Hearing } from "./hearing.ts";

export const AUDIT_RECEIVER = "audit receiver";

export interface AuditReceiver {
  readonly url: string;
  /** Whether `words` have all been sent, once they have or time is up. */
  heard(words: readonly string[]): Promise<boolean>;
  /** Whether every request carried the bearer token. */
  wasAuthorized(): boolean;
  close(): void;
}

/** A node that is slower has failed, and the proof says so. */
const PATIENCE_MILLISECONDS = 15_000;

/** @param bearer what it asks for. @param key which it asks for in the URL, as some do. */
export async function openAuditReceiver(
  { hear, textOf }: Hearing,
  { bearer, key }: { readonly bearer: string; readonly key: string },
): Promise<AuditReceiver> {
  const answered: { status: number; authorized: boolean }[] = [];
  const waiting = new Set<() => void>();
  const server = createServer(async (request, response) => {
    const { authorization, ...headers } = request.headers;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    hear(AUDIT_RECEIVER, `${JSON.stringify(headers)}\n${Buffer.concat(chunks).toString()}\n`);
    // The first is turned down, so that the log of a failure is heard too.
    const status = answered.length === 0 ? 500 : 204;
    answered.push({
      status,
      authorized: authorization === `Bearer ${bearer}` && request.url === `/?key=${key}`,
    });
    response.writeHead(status).end();
    for (const look of waiting) look();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}/?key=${key}`,
    async heard(words) {
      const all = () => words.every((word) => textOf(AUDIT_RECEIVER).includes(word));
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        timer = setTimeout(resolve, PATIENCE_MILLISECONDS);
        waiting.add(() => all() && resolve());
        if (all()) resolve();
      });
      clearTimeout(timer);
      return all();
    },
    wasAuthorized: () => answered.length > 1 && answered.every(({ authorized }) => authorized),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
