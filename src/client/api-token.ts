/** An API token as a client sees it: opaque, with a life that the service tells. Pure. */
import { type Reading, secondsSince } from "../clock.ts";

/** What of an API token the service says to whoever presents it. */
export interface Known {
  readonly id: string;
  /** Until it expires or its overlap ends, counted from `since`; null: for ever. */
  readonly lastsSeconds: number | null;
  /** Its successor has been made: it is in its overlap. */
  readonly succeeded: boolean;
  /** When it was asked. */
  readonly since: Reading;
}

/** Printable, and without anything that would end a header: null otherwise. White space around it is a file's. */
export function apiTokenFrom(text: unknown): string | null {
  const token = typeof text === "string" ? text.trim() : "";
  return token.length <= API_TOKEN_CHARACTERS_MAX && /^[A-Za-z0-9._~+/-]+=*$/.test(token) ? token : null;
}

/** keyturn's own have 57; others that fit a header are let through, the service decides. */
const API_TOKEN_CHARACTERS_MAX = 1024;

/**
 * From the service's answer; null where it is none.
 *
 * @param servedAt the service's own clock at the answer; null where it is not told. Its instants are
 *   measured by it, so that a client's clock may be wrong by any amount.
 */
export function knownFrom(body: unknown, servedAt: number | null, since: Reading): Known | null {
  const { id, expiresAt, successor = null, overlapUntil = null } = (body ?? {}) as Record<string, unknown>;
  if (typeof id !== "string" || !/^[\w-]{1,64}$/.test(id)) return null;
  if (!isInstantOrNull(expiresAt) || !isInstantOrNull(overlapUntil)) return null;
  const ends = Math.min(expiresAt ?? Number.POSITIVE_INFINITY, overlapUntil ?? Number.POSITIVE_INFINITY);
  const lastsSeconds = ends === Number.POSITIVE_INFINITY ? null : Math.max(0, ends - (servedAt ?? since.now));
  return { id, lastsSeconds, succeeded: successor !== null, since };
}

function isInstantOrNull(value: unknown): value is number | null {
  return value === null || (typeof value === "number" && Number.isFinite(value));
}

/**
 * How often a token's state is asked for. An operator may rotate the token of a client that runs; the
 * client must see that while both are good, and the shortest overlap is five minutes.
 */
export const LOOK_SECONDS = 120;

/** A tenth of the lead, so that a fleet that started at once does not renew at once. */
const JITTER_PART = 0.1;

/**
 * How long before its end a token's successor is to be fetched, in seconds. Of a life shorter than
 * twice the prefetch, half: else each successor would be due as soon as it is there.
 *
 * @param lastsSeconds of the token when it was first seen
 * @param chance in [0, 1), drawn once for this token
 */
export function leadSecondsOf(lastsSeconds: number, prefetchSeconds: number, chance: number): number {
  return Math.min(prefetchSeconds, lastsSeconds / 2) * (1 + JITTER_PART * chance);
}

/** Seconds from `known.since` until its successor is to be fetched; null: never. */
export function renewAfterSeconds({ lastsSeconds, succeeded }: Known, leadSeconds: number): number | null {
  if (succeeded) return 0;
  return lastsSeconds === null ? null : Math.max(0, lastsSeconds - leadSeconds);
}

/** Seconds that a token has left; null: for ever. */
export function secondsLeft({ lastsSeconds, since }: Known, now: Reading): number | null {
  return lastsSeconds === null ? null : Math.max(0, lastsSeconds - secondsSince(since, now));
}
