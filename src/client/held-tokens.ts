/**
 * The API tokens that this process holds: the latest, its predecessor while that is good, and those
 * that its token store and its options have. Presented in that order until one is accepted: a node of
 * the service may not have heard of a successor yet, and another process may have put a later one away.
 */

import { type BackOff, fullJitterSeconds } from "../back-off.ts";
import type { Clock } from "../clock.ts";
import { withinSeconds } from "../deadline.ts";
import { KeyturnError } from "../errors.ts";
import { apiTokenFrom, type Known, LOOK_SECONDS } from "./api-token.ts";
import type { ClientConfig } from "./config.ts";
import type { TokenOrigin } from "./events.ts";
import type { ServiceAnswer } from "./service.ts";

export interface HeldToken {
  readonly text: string;
  /** Null until the service has told. */
  known: Known | null;
  /** How long before its end it is to be renewed, settled when its life is first known. */
  leadSeconds: number | null;
}

export interface HeldTokens {
  /** The latest; null before the first is loaded. */
  latest(): HeldToken | null;
  /** Loads the first, if need be. @throws KeyturnError `unauthenticated` where there is none */
  loaded(): Promise<HeldToken>;
  /**
   * Sends with one token after the other until one is accepted. An answer of 401 is then about all of them.
   * Where the service does not say whether it is the token (429, 503), the answer to the latest counts in the end.
   * @throws KeyturnError `unauthenticated` where there is none
   */
  present<T>(send: (held: HeldToken) => Promise<ServiceAnswer<T>>): Promise<ServiceAnswer<T>>;
  /** The token that someone else has put into the token store; null where it is none of theirs. */
  storedOther(): Promise<HeldToken | null>;
  /** Takes it for the latest. */
  adopt(stored: HeldToken): void;
  /** The service refuses it. Of a token that is refused a look later too, `save` takes the place. */
  dismiss(stored: HeldToken): void;
  /** Puts a successor in the place of `predecessor`, which is good for `overlapSeconds` more, and saves it. */
  succeed(predecessor: HeldToken, text: string, overlapSeconds: number): Promise<HeldToken>;
  /** Saves the latest, where that is still to do. */
  save(): Promise<void>;
  /** Whether a restart would find the latest. False where there is no token store. */
  saved(): boolean;
  /** Whether the service has refused every token that there was, and has accepted none since. */
  refused(): boolean;
}

/** A token store saves a restart, so it must not hold up a call as long as a request does. */
const STORE_SECONDS = 2;

/** How often a client that is told to ask less looks in its token store, which may cost more than the call. */
const BUSY_LOOK_SECONDS = 30;

/** A service that refuses every token is not asked again with each call. */
const WHILE_REFUSED: BackOff = { firstSeconds: 1, mostSeconds: 30 };

export function heldTokens(
  config: Pick<ClientConfig, "apiToken" | "tokenStore" | "random" | "onEvent"> & { readonly clock: Clock },
): HeldTokens {
  const { apiToken, tokenStore, clock, random, onEvent } = config;
  let latest: HeldToken | null = null;
  let predecessor: { readonly held: HeldToken; readonly goodUntil: number } | null = null;
  let savedText: string | null = null;
  let doubted: { readonly text: string; readonly since: number } | null = null;
  let looksAgainAt = Number.NEGATIVE_INFINITY;
  let refusals = 0;
  let refused: { readonly answer: ServiceAnswer<never>; readonly until: number } | null = null;

  async function stored(): Promise<string | null> {
    if (tokenStore === null) return null;
    try {
      const text = await withinSeconds(STORE_SECONDS, () => tokenStore.load());
      if (text === null) return null;
      const token = apiTokenFrom(text);
      if (token !== null) return token;
    } catch {
      // Told below, with what cannot be a token.
    }
    onEvent({ type: "token_store_failed", operation: "load" });
    return null;
  }

  async function loaded(): Promise<HeldToken> {
    if (latest !== null) return latest;
    const fromStore = await stored();
    const text = fromStore ?? apiToken;
    if (text === null) throw none();
    // Another call may have been faster; both have the same.
    if (latest === null) {
      latest = unknown(text);
      savedText = fromStore;
    }
    return latest;
  }

  /**
   * In the order in which they are worth a try.
   * @param unsure the answer so far that may not be about the token; null: those before were refused
   */
  async function* candidates(
    unsure: () => ServiceAnswer<unknown> | null,
  ): AsyncGenerator<{ held: HeldToken; origin: TokenOrigin | "latest" }> {
    yield { held: await loaded(), origin: "latest" };
    if (predecessor !== null && clock.monotonic() < predecessor.goodUntil)
      yield { held: predecessor.held, origin: "predecessor" };
    if (!looksInStore(unsure())) return;
    const fromStore = await stored();
    if (fromStore !== null) yield { held: unknown(fromStore), origin: "store" };
    if (apiToken !== null && unsure() === null) yield { held: unknown(apiToken), origin: "options" };
  }

  async function present<T>(send: (held: HeldToken) => Promise<ServiceAnswer<T>>): Promise<ServiceAnswer<T>> {
    if (refused !== null && clock.monotonic() < refused.until) return refused.answer;
    const tried = new Set<string>();
    let last: ServiceAnswer<T> | null = null;
    let unsure: ServiceAnswer<T> | null = null;
    for await (const { held: candidate, origin } of candidates(() => unsure)) {
      if (tried.has(candidate.text)) continue;
      tried.add(candidate.text);
      const answer = await send(candidate);
      if (isUnauthenticated(answer)) last = answer;
      else if (isUnsure(answer)) unsure ??= answer;
      else {
        if (answer.kind !== "failed") accepted(candidate, origin);
        return answer;
      }
    }
    return unsure ?? allRefused(last as ServiceAnswer<T>);
  }

  /** Strangers who flood the service leave no room to say that a token is refused: another may have taken its place. */
  function looksInStore(unsure: ServiceAnswer<unknown> | null): boolean {
    if (unsure === null) return true;
    const now = clock.monotonic();
    if (unsure.kind !== "failed" || unsure.because !== "busy" || now < looksAgainAt) return false;
    looksAgainAt = now + BUSY_LOOK_SECONDS;
    return true;
  }

  /** A token was accepted: that all are refused is no longer so. */
  function forgetRefusals(): void {
    refusals = 0;
    refused = null;
  }

  function accepted(candidate: HeldToken, origin: TokenOrigin | "latest"): void {
    forgetRefusals();
    if (origin === "latest") return;
    onEvent({ type: "fell_back", to: origin });
    // A predecessor only bridges the time until its successor is known everywhere.
    if (origin !== "predecessor") adopt(candidate, origin);
  }

  function adopt(candidate: HeldToken, origin: "store" | "options"): void {
    forgetRefusals();
    latest = candidate;
    predecessor = null;
    doubted = null;
    if (origin === "store") savedText = candidate.text;
  }

  function allRefused<T>(answer: ServiceAnswer<T>): ServiceAnswer<T> {
    if (answer.kind !== "refused") return answer;
    refusals++;
    refused = { answer, until: clock.monotonic() + fullJitterSeconds(refusals, WHILE_REFUSED, random()) };
    onEvent({ type: "api_token_refused" });
    return answer;
  }

  async function storedOther(): Promise<HeldToken | null> {
    const text = await stored();
    if (text !== doubted?.text) doubted = null;
    if (text === null || text === latest?.text) return null;
    // What is there has not been replaced, but could not be; or another process was late with its copy.
    if (text === savedText || text === predecessor?.held.text) {
      savedText = text;
      return null;
    }
    return unknown(text);
  }

  function dismiss({ text }: HeldToken): void {
    const now = clock.monotonic();
    doubted ??= { text, since: now };
    // A node may not have heard of a successor that another process has put there, but not for so long.
    if (now - doubted.since >= LOOK_SECONDS) savedText = text;
  }

  async function succeed(old: HeldToken, text: string, overlapSeconds: number): Promise<HeldToken> {
    // Two renewals at once are told the same successor.
    if (latest?.text !== old.text) return latest ?? old;
    const successor = unknown(text);
    forgetRefusals();
    predecessor = { held: old, goodUntil: clock.monotonic() + overlapSeconds };
    latest = successor;
    await save();
    return successor;
  }

  async function save(): Promise<void> {
    const text = latest?.text ?? null;
    if (tokenStore === null || text === null || text === savedText) return;
    try {
      await withinSeconds(STORE_SECONDS, () => tokenStore.save(text));
      savedText = text;
      doubted = null;
    } catch {
      onEvent({ type: "token_store_failed", operation: "save" });
    }
  }

  return {
    latest: () => latest,
    loaded,
    present,
    storedOther,
    adopt: (other) => adopt(other, "store"),
    dismiss,
    succeed,
    save,
    saved: () => latest !== null && latest.text === savedText && doubted === null,
    refused: () => refused !== null,
  };
}

function unknown(text: string): HeldToken {
  return { text, known: null, leadSeconds: null };
}

function isUnauthenticated(answer: ServiceAnswer<unknown>): boolean {
  return answer.kind === "refused" && answer.status === 401;
}

/**
 * Of an answer that may be about the token and does not say so: a node whose store is away cannot look up
 * a successor that it has not heard of (503), and of strangers it takes only so many (429).
 */
function isUnsure(answer: ServiceAnswer<unknown>): boolean {
  return answer.kind === "failed" && (answer.because === "busy" || answer.status === 503);
}

function none(): KeyturnError {
  return new KeyturnError("unauthenticated", "There is no API token: the token store holds none.", {
    fix: "Put one there that `keyturn api-token issue --role signer` prints, or pass apiToken.",
  });
}
