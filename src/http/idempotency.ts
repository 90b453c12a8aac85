/**
 * Answers remembered under the `Idempotency-Key` of their request, so that one whose answer was lost can be
 * sent again and is done once. Kept in this process unless there is a place for them: behind several nodes,
 * `If-Match` is what stops a second.
 * Only what was done is remembered; a refusal left nothing behind, and is decided anew.
 */
import type { Context } from "hono";
import { KeyturnError } from "../errors.ts";

/** A day: longer than any retry of a request goes on. */
export const REMEMBERED_SECONDS = 86_400;

/** Commands of a day are a handful; whoever floods pushes out the oldest, his own among them. */
export const REMEMBERED_MAX = 1_000;

export interface KeyedRequest {
  /** The id of its API token: keys of different callers never meet. */
  readonly caller: string;
  readonly key: string;
  /** All that must be the same in a repetition. */
  readonly text: string;
}

export interface IdempotencyMemory {
  /**
   * Does `work`, unless the same request was made before: then its answer, as `remembered` leaves it.
   * A repetition that arrives while the first is under way waits for it. `now` is on the monotonic clock.
   *
   * @throws KeyturnError `idempotency_mismatch`
   */
  once<T>(
    request: KeyedRequest,
    now: number,
    work: () => Promise<T>,
    remembered?: (result: T) => T,
  ): Promise<{ readonly result: T; readonly isRepetition: boolean }>;
}

/** Where answers outlive the process. Nothing in them is secret: a value that is told once is left out. */
export interface KeptAnswers {
  /** Null where none is kept, or only one older than REMEMBERED_SECONDS. */
  find(name: string): KeptAnswer | null;
  /** Keeps REMEMBERED_MAX of them, the newest. */
  keep(name: string, kept: KeptAnswer): void;
}

export interface KeptAnswer {
  readonly digest: string;
  /** As JSON. */
  readonly answer: string;
}

interface Memory {
  readonly digest: string;
  readonly at: number;
  readonly result: Promise<unknown>;
}

/** @param place where answers are kept beside, by whoever may be gone tomorrow. Default: nowhere. */
export function idempotencyMemory(place?: KeptAnswers): IdempotencyMemory {
  const memories = new Map<string, Memory>();

  function forget(now: number): void {
    for (const [name, { at }] of memories) {
      // In the order of their making: the first that may stay ends the search.
      if (memories.size <= REMEMBERED_MAX && now - at < REMEMBERED_SECONDS) return;
      memories.delete(name);
    }
  }

  return {
    async once<T>(
      { caller, key, text }: KeyedRequest,
      now: number,
      work: () => Promise<T>,
      remembered: (result: T) => T = (result) => result,
    ) {
      // Reading the digest yields, so it comes before the look at what is remembered.
      const digest = await sha256(text);
      forget(now);
      const name = `${caller} ${key}`;
      const memory = memories.get(name);
      if (memory !== undefined) {
        if (memory.digest !== digest) throw mismatch();
        return { result: (await memory.result) as T, isRepetition: true };
      }
      const before = place?.find(name) ?? null;
      if (before !== null) {
        if (before.digest !== digest) throw mismatch();
        return { result: JSON.parse(before.answer) as T, isRepetition: true };
      }
      const done = work();
      const kept = { digest, at: now, result: done.then(remembered) };
      memories.set(name, kept);
      kept.result.catch(() => {
        if (memories.get(name) === kept) memories.delete(name);
      });
      const result = await done;
      if (place !== undefined) keepIn(place, name, { digest, answer: JSON.stringify(await kept.result) });
      return { result, isRepetition: false };
    },
  };
}

/** What was done has been done, and whoever asked is told so, also where there is no room to keep it. */
function keepIn(place: KeptAnswers, name: string, kept: KeptAnswer): void {
  try {
    place.keep(name, kept);
  } catch {
    // Left to `If-Match`.
  }
}

/** @throws KeyturnError `request_invalid`; undefined when the request brings none. */
export function parseIdempotencyKey(c: Context): string | undefined {
  const key = c.req.header("Idempotency-Key");
  if (key === undefined || /^[\x21-\x7e]{1,200}$/.test(key)) return key;
  throw new KeyturnError("request_invalid", "`Idempotency-Key` is not 1 to 200 printable ASCII characters.", {
    fix: "Send a new random UUID with every new command, and the same one when you repeat it.",
    problems: [
      { code: "wrong_value", at: "header/Idempotency-Key", message: "Expected 1 to 200 characters." },
    ],
  });
}

function mismatch(): KeyturnError {
  return new KeyturnError("idempotency_mismatch", "This `Idempotency-Key` was used for another request.", {
    fix: "Send a new key with a new command.",
  });
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return btoa(String.fromCharCode(...new Uint8Array(digest)));
}
