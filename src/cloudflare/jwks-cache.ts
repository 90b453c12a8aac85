/**
 * The JWKS in the cache of a data centre. A copy's age counts from when the ring was read, and is told, so that it
 * grows no older altogether than `max-age` says (RFC 9111 section 4.2.3). It is served neither past that, nor past
 * an instant at which a key's time is over, nor by an isolate that has seen a newer ring.
 */
import { leaveUnread } from "../answer.ts";
import type { Clock } from "../clock.ts";
import { withinSeconds } from "../deadline.ts";
import { etagMatches, headerPairs, type JwksAnswers } from "../http/jwks.ts";
import type { KeyManager } from "../manager/manager.ts";
import { jwksChangesAt } from "../ring/jwks.ts";
import type { EdgeCache } from "./platform.ts";
import { seldom } from "./seldom.ts";

export interface JwksCache {
  /**
   * The answer to a request, from the cache; null where it holds none that may be served.
   *
   * @param generation the newest that this isolate has seen; 0: none
   */
  answer(request: Request, generation: number): Promise<Response | null>;
  /** Keeps what a copy of the ring shows now, at most once a second. */
  keep(copy: ShownRing): Promise<void>;
  /** Takes it out of this data centre. */
  purge(): Promise<void>;
}

/** What the JWKS is derived from. */
export interface ShownRing {
  readonly manager: Pick<KeyManager, "ring" | "status">;
  readonly answers: JwksAnswers;
  readRing(): Promise<void>;
}

/** What is kept of a copy beside it: only between us and the cache. */
interface Kept {
  readonly generation: number;
  /** When the ring was read, in epoch seconds. */
  readonly readAt: number;
  /** From when on it is not served any more, in epoch seconds. */
  readonly until: number;
  /** As it was told. What the cache says of it afterwards may be a setting of the zone's. */
  readonly cacheControl: string;
}

const KEPT = "X-Keyturn-Kept";

/** What a 304 does not say (RFC 9110 section 15.4.5). */
const OF_CONTENT = ["Content-Type", "Content-Length", "X-Content-Type-Options"];

/** A cache in the same building answers in milliseconds; one that hangs is done without. */
const CACHE_SECONDS_MAX = 1;

/** Each keeping reads the ring once more, and where the cache holds nothing every request comes to it. */
const KEEP_EVERY_SECONDS = 1;

/** @param url of the public JWKS, by which the cache knows it */
export function jwksCache(cache: EdgeCache, url: string, clock: Clock): JwksCache {
  const mayKeep = seldom(KEEP_EVERY_SECONDS, clock);

  async function purge(): Promise<void> {
    await withinSeconds(CACHE_SECONDS_MAX, () => cache.delete(url));
  }

  return {
    purge,
    async answer(request, generation) {
      const found = await withinSeconds(CACHE_SECONDS_MAX, () => cache.match(url));
      if (found === undefined) return null;
      const kept = keptIn(found);
      const isServed = kept !== null && kept.generation >= generation && clock.now() < kept.until;
      if (isServed) return asAnswer(found, kept, request, clock.now());
      leaveUnread(found);
      return null;
    },
    async keep({ manager, answers, readRing }) {
      const { generation, leaseAgeSeconds, now } = manager.status();
      const { body, headers: told } = answers(undefined);
      const headers = new Headers(headerPairs({ headers: told }));
      const cacheControl = headers.get("Cache-Control") ?? "";
      const readAt = now - leaseAgeSeconds;
      const until = Math.min(
        readAt + maxAgeIn(cacheControl),
        jwksChangesAt(manager.ring(), now) ?? Number.POSITIVE_INFINITY,
      );
      if (until <= now || !mayKeep()) return;
      headers.set(KEPT, JSON.stringify({ generation, readAt, until, cacheControl } satisfies Kept));
      headers.set("Cache-Control", `public, max-age=${until - now}`);
      // Nobody waits for it, so it has no deadline: what is looked at before it is done would be kept unseen.
      const kept = cache.put(url, new Response(body, { headers }));
      // A revoke that came between reading and keeping has purged before there was anything to purge.
      const isNew = await kept.then(readRing).then(
        () => manager.ring().generation === generation,
        () => false,
      );
      if (!isNew) await purge();
    },
  };
}

function asAnswer(found: Response, { readAt, cacheControl }: Kept, request: Request, now: number): Response {
  const headers = new Headers(found.headers);
  headers.delete(KEPT);
  headers.set("Cache-Control", cacheControl);
  headers.set("Age", String(Math.max(0, now - readAt)));
  const isUnchanged = etagMatches(
    request.headers.get("If-None-Match") ?? undefined,
    headers.get("ETag") ?? "",
  );
  if (!isUnchanged && request.method === "GET") return new Response(found.body, { headers });
  leaveUnread(found);
  if (!isUnchanged) return new Response(null, { headers });
  for (const name of OF_CONTENT) headers.delete(name);
  return new Response(null, { status: 304, headers });
}

function keptIn({ headers }: Response): Kept | null {
  const text = headers.get(KEPT);
  return text === null ? null : (JSON.parse(text) as Kept);
}

function maxAgeIn(cacheControl: string): number {
  return Number(/max-age=(\d+)/.exec(cacheControl)?.[1] ?? 0);
}
