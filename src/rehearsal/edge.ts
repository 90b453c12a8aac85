/**
 * A cache between the server and the verifiers, as a CDN is: it keeps the JWKS for the whole of its
 * max-age, asks nobody in between, and knows nothing of the cache that each verifier has besides.
 */
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "../clock.ts";

export const JWKS_PATH = "/.well-known/jwks.json";

export interface Edge {
  readonly jwksUrl: string;
  /** How often it asked the server, and how often it was asked. */
  traffic(): { readonly fetched: number; readonly served: number };
  close(): void;
}

interface Kept {
  readonly body: string;
  readonly contentType: string;
  readonly cacheControl: string;
  readonly at: number;
  readonly until: number;
}

export async function startEdge(origin: string, { monotonic }: Pick<Clock, "monotonic">): Promise<Edge> {
  let kept: Kept | null = null;
  let filling: Promise<Kept> | null = null;
  let fetched = 0;
  let served = 0;

  async function fill(): Promise<Kept> {
    fetched++;
    const response = await fetch(`${origin}${JWKS_PATH}`);
    const body = await response.text();
    if (!response.ok) throw new Error(`The server answered ${response.status}.`);
    // It may come out of a cache itself; then it is as old as that says (RFC 9111 section 4.2.3).
    const at = monotonic() - Number(response.headers.get("Age") ?? 0);
    kept = {
      body,
      contentType: response.headers.get("Content-Type") ?? "",
      cacheControl: response.headers.get("Cache-Control") ?? "",
      at,
      until: at + maxAgeOf(response),
    };
    return kept;
  }

  /** One fetch for everybody who waits. */
  function filled(): Promise<Kept> {
    filling ??= fill().finally(() => {
      filling = null;
    });
    return filling;
  }

  async function answer(response: ServerResponse): Promise<void> {
    served++;
    const fresh = kept !== null && monotonic() < kept.until ? kept : await filled();
    response
      .writeHead(200, {
        "Content-Type": fresh.contentType,
        "Cache-Control": fresh.cacheControl,
        Age: String(Math.floor(monotonic() - fresh.at)),
      })
      .end(fresh.body);
  }

  const server = createServer((request, response) => {
    if (request.url === JWKS_PATH) answer(response).catch(() => response.writeHead(502).end());
    else response.writeHead(404).end();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return {
    jwksUrl: `http://127.0.0.1:${port}${JWKS_PATH}`,
    traffic: () => ({ fetched, served }),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** RFC 9111 section 5.2.2.1. What says nothing is not kept. */
function maxAgeOf({ headers }: Response): number {
  return Number(/\bmax-age=(\d+)/.exec(headers.get("Cache-Control") ?? "")?.[1] ?? 0);
}
