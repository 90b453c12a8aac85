/**
 * Keeps the API token fresh: asks the service now and then what became of it, fetches its successor
 * ahead of its end, and puts that away. Done in the background, by a timer and whenever someone signs,
 * so that it goes on in runtimes that keep no timers. It may fail for as long as the token lasts.
 */

import { type BackOff, fullJitterSeconds } from "../back-off.ts";
import { readingOf, secondsSince } from "../clock.ts";
import { type ErrorCode, isKeyturnError, KeyturnError } from "../errors.ts";
import { type Known, LOOK_SECONDS, leadSecondsOf, renewAfterSeconds, secondsLeft } from "./api-token.ts";
import type { Calls } from "./calls.ts";
import type { ClientConfig } from "./config.ts";
import type { HeldToken, HeldTokens } from "./held-tokens.ts";
import { lookAtSelf, rotateToken } from "./operations.ts";
import type { Service } from "./service.ts";

export interface Renewal {
  /** Begins what is due; null where nothing is. The promise never rejects, and nobody needs to wait for it. */
  keepUp(): Promise<void> | null;
  /** Fetches the successor, due or not. @throws KeyturnError */
  rotateNow(): Promise<void>;
  /** Seconds until the successor is due; null: never, or not known yet. */
  dueInSeconds(): number | null;
  /** Of the last try; null where it went well. */
  lastFailure(): RenewalFailure | null;
  /** Runs by itself from now on. */
  start(): void;
  /** And no longer; resolves when what is under way is done. */
  stop(): Promise<void>;
}

/** `successor_lost`: the service has made the successor, and can no longer tell its value. */
export type RenewalFailure = ErrorCode | "successor_lost";

/** The lead is ten minutes: a minute between tries leaves ten of them. */
const BETWEEN_TRIES: BackOff = { firstSeconds: 1, mostSeconds: 60 };

/** The first look is spread so far: a fleet that restarts at once need not ask at once. */
const FIRST_LOOK_SECONDS = 10;

/** A try makes a few requests; one that takes longer than these was cancelled with the request that began it. */
const REQUESTS_OF_A_TRY = 8;

/** Of a service that has no such route: its tokens do not turn over. */
const NO_ID = "";

class SuccessorLost extends Error {}

export function createRenewal(
  config: Pick<ClientConfig, "prefetchSeconds" | "requestSeconds" | "clock" | "timer" | "random" | "onEvent">,
  { held, calls, service }: { held: HeldTokens; calls: Calls; service: Service },
): Renewal {
  const { prefetchSeconds, requestSeconds, clock, timer, random, onEvent } = config;
  let failures = 0;
  let failure: RenewalFailure | null = null;
  let waitsUntil = Number.NEGATIVE_INFINITY;
  let underWay: Promise<void> | null = null;
  let underWayUntil = Number.NEGATIVE_INFINITY;
  let callOff: (() => void) | null = null;
  let running = false;

  function dueInSeconds(token: HeldToken | null = held.latest()): number | null {
    if (token === null || token.known === null) return null;
    const after = renewAfterSeconds(token.known, token.leadSeconds ?? prefetchSeconds);
    return after === null ? null : Math.max(0, after - secondsSince(token.known.since, readingOf(clock)));
  }

  function lookInSeconds(token: HeldToken | null): number {
    if (token === null || token.known === null) return 0;
    return Math.max(0, LOOK_SECONDS - secondsSince(token.known.since, readingOf(clock)));
  }

  /** Seconds until there is something to do. */
  function nextInSeconds(): number {
    const token = held.latest();
    const next = Math.min(lookInSeconds(token), dueInSeconds(token) ?? Number.POSITIVE_INFINITY);
    return Math.max(next, waitsUntil - clock.monotonic());
  }

  function learn(token: HeldToken, known: Known): void {
    token.known = known;
    if (known.lastsSeconds !== null)
      token.leadSeconds ??= leadSecondsOf(known.lastsSeconds, prefetchSeconds, random());
  }

  /** Asks what became of the latest token. */
  async function look(): Promise<{ token: HeldToken; known: Known }> {
    const since = readingOf(clock);
    const presented: HeldToken[] = [];
    const answer = await calls.once<Known>((seconds) =>
      held.present((token) => {
        presented.push(token);
        return service(lookAtSelf(since), token.text, seconds);
      }),
    );
    const token = await held.loaded();
    if (answer.kind === "refused" && answer.status !== 404 && answer.status !== 405) throw answer.error;
    // Another token was accepted in its place: this node has not heard of it yet.
    if (presented.at(-1) !== token) throw notHeardOf();
    const never = { id: NO_ID, lastsSeconds: null, succeeded: false, since };
    learn(token, answer.kind === "done" ? answer.value : never);
    return { token, known: token.known as Known };
  }

  async function lookedAt(): Promise<{ token: HeldToken; known: Known }> {
    const token = await held.loaded();
    return token.known === null || lookInSeconds(token) === 0 ? look() : { token, known: token.known };
  }

  async function rotate(predecessor: HeldToken, id: string): Promise<void> {
    const answer = await calls.once((seconds) =>
      service(rotateToken(id, clock.now()), predecessor.text, seconds),
    );
    if (answer.kind === "refused") throw answer.error;
    const { token, overlapSeconds } = answer.value;
    if (token === null) throw new SuccessorLost();
    const { known } = await held
      .succeed(predecessor, token, overlapSeconds)
      // What it is good for can be asked later too: a node may not have heard of it yet.
      .then((successor) => look().catch(() => successor));
    const lastsSeconds = known === null ? null : secondsLeft(known, readingOf(clock));
    onEvent({ type: "api_token_renewed", id: known?.id ?? null, lastsSeconds });
  }

  /** Another process may have been faster, or an operator; but what they put there must be good. */
  async function takeStored(): Promise<void> {
    const other = await held.storedOther();
    if (other === null) return;
    const since = readingOf(clock);
    const answer = await calls.once((seconds) => service(lookAtSelf(since), other.text, seconds));
    if (answer.kind === "refused" && answer.status === 401) held.dismiss(other);
    if (answer.kind !== "done") return;
    learn(other, answer.value);
    held.adopt(other);
  }

  async function step(isOrdered: boolean): Promise<void> {
    await held.loaded();
    await takeStored();
    const { token, known } = await lookedAt();
    const isDue = isOrdered || dueInSeconds(token) === 0;
    if (isDue && known.id !== NO_ID) await rotate(token, known.id);
    else if (isOrdered) throw notRotatable();
    await held.save();
  }

  async function tryStep(): Promise<void> {
    try {
      await step(false);
      failures = 0;
      failure = null;
    } catch (error) {
      failures++;
      failure = error instanceof SuccessorLost ? "successor_lost" : codeOf(error);
      const retrySeconds = fullJitterSeconds(failures, BETWEEN_TRIES, random());
      waitsUntil = clock.monotonic() + retrySeconds;
      onEvent({ type: "api_token_not_renewed", because: failure, retrySeconds });
    }
    underWayUntil = Number.NEGATIVE_INFINITY;
    arm(nextInSeconds());
  }

  function keepUp(): Promise<void> | null {
    const now = clock.monotonic();
    if (now < underWayUntil || nextInSeconds() > 0) return null;
    underWayUntil = now + REQUESTS_OF_A_TRY * requestSeconds;
    underWay = tryStep();
    return underWay;
  }

  function arm(seconds: number): void {
    callOff?.();
    callOff = null;
    if (!running) return;
    try {
      callOff = timer.inBackground(seconds, wake);
    } catch {
      // Workers have no timers outside of requests: then the next call begins.
    }
  }

  /** A timer may be early, and a try of someone else under way. */
  function wake(): void {
    if (keepUp() === null) arm(Math.max(nextInSeconds(), 1));
  }

  return {
    keepUp,
    async rotateNow() {
      await step(true).catch((error: unknown) => {
        throw error instanceof SuccessorLost ? lost() : error;
      });
      arm(nextInSeconds());
    },
    dueInSeconds: () => dueInSeconds(),
    lastFailure: () => failure,
    start() {
      running = true;
      arm(random() * FIRST_LOOK_SECONDS);
    },
    async stop() {
      running = false;
      callOff?.();
      await underWay;
    },
  };
}

function codeOf(error: unknown): ErrorCode {
  return isKeyturnError(error) ? error.code : "internal";
}

function notHeardOf(): KeyturnError {
  return new KeyturnError("unauthenticated", "The latest API token is not accepted; another one is.", {
    fix: "Nothing yet: a node of the service hears of a new token within seconds.",
  });
}

function notRotatable(): KeyturnError {
  return new KeyturnError("not_found", "The service has no API tokens that turn over.", {
    fix: "Update it, or leave the token as it is: one without an end needs no successor.",
  });
}

function lost(): KeyturnError {
  return new KeyturnError("api_token_ended", "The API token's successor has been made; its value is lost.", {
    fix: "Put a token of `keyturn api-token issue` into the token store.",
  });
}
