/** What can be wrong with an endpoint, on command: it fails, it stalls, or it lies. */
import type { PublicJwks, PublishedJwk } from "../ring/jwks.ts";

/** An answer that an honest issuer would not give, each seen in the field. */
export const LIES = [
  /** A page for people, with status 200: a captive portal, or a proxy's login. */
  "html",
  /** The JWKS of before its keys last changed: a stale edge, or a restored backup. */
  "older_set",
  /** 302 to another host. */
  "redirect",
  /** White space that never ends, with status 200. */
  "endless_body",
  /** The emitting key with its private half. */
  "private_key",
  /** The first half of the JWKS. */
  "truncated",
  /** A JWKS that is well formed, and without keys. */
  "empty_set",
  /** 304 to everyone: to those who hold an outdated JWKS, and to those who hold none. */
  "not_modified",
] as const;

export type Lie = (typeof LIES)[number];

export interface FailedStatus {
  /** From 400 to 599. */
  readonly status: number;
  /** Of `Retry-After`, in seconds. Default: no such header. */
  readonly retryAfterSeconds?: number;
}

export interface Faults {
  /** Every answer has this status; or, for `network`, there is none, as when nobody listens. */
  fail(how: FailedStatus | "network"): void;
  /** Answers do not come until `heal`, which then gives them. */
  stall(): void;
  /** The JWKS endpoint answers so. @throws RangeError for `older_set` while no key has changed yet */
  lie(lie: Lie): void;
  /** All is well again. */
  heal(): void;
}

/** What lies are made of. */
export interface Truth {
  jwks(): PublicJwks;
  /** What was published before the keys last changed; null before that. */
  olderJwks(): PublicJwks | null;
  /** The emitting key as nobody should see it. */
  emitterWithPrivateHalf(): Promise<PublishedJwk>;
}

export interface FaultyEndpoint extends Faults {
  /** What goes out in place of `honest`. Rejects as `fetch` does: with a TypeError, or the reason of `signal`. */
  answer(honest: () => Promise<Response>, isJwks: boolean, signal: AbortSignal | null): Promise<Response>;
}

type Fault = "none" | "network" | "stall" | FailedStatus | { readonly lie: Lie };

export function faultyEndpoint(truth: Truth): FaultyEndpoint {
  let fault: Fault = "none";
  let waiting: (() => void)[] = [];

  /** Whoever waits for an answer meets the new state of things. */
  function become(next: Fault): void {
    fault = next;
    const released = waiting;
    waiting = [];
    for (const release of released) release();
  }

  function nextChange(): Promise<void> {
    return new Promise((resolve) => {
      waiting.push(resolve);
    });
  }

  return {
    fail(how) {
      if (how !== "network" && !(Number.isInteger(how.status) && how.status >= 400 && how.status <= 599))
        throw new RangeError("Expected a status from 400 to 599, or network.");
      become(how);
    },
    stall: () => become("stall"),
    lie(lie) {
      if (lie === "older_set" && truth.olderJwks() === null)
        throw new RangeError("No key has changed yet, so there is no older set: rotate or revoke first.");
      become({ lie });
    },
    heal: () => become("none"),
    async answer(honest, isJwks, signal) {
      signal?.throwIfAborted();
      while (fault === "stall") await unlessAborted(nextChange(), signal);
      if (fault === "network")
        throw new TypeError("fetch failed", { cause: "The test issuer is unreachable." });
      if (fault === "none") return honest();
      if ("lie" in fault) return isJwks ? told(fault.lie, truth, signal) : honest();
      const { status, retryAfterSeconds } = fault;
      const headers = retryAfterSeconds === undefined ? {} : { "Retry-After": String(retryAfterSeconds) };
      return new Response("The test issuer fails.", { status, headers });
    },
  };
}

async function told(lie: Lie, truth: Truth, signal: AbortSignal | null): Promise<Response> {
  const jwks = truth.jwks();
  switch (lie) {
    case "html":
      return new Response("<!doctype html><title>Sign in</title>", {
        headers: { "Content-Type": "text/html" },
      });
    case "older_set":
      return published(truth.olderJwks() ?? jwks);
    case "redirect":
      return new Response(null, { status: 302, headers: { Location: "https://elsewhere.test/jwks.json" } });
    case "endless_body":
      return new Response(endless(signal), { headers: { "Content-Type": "application/jwk-set+json" } });
    case "private_key": {
      const shown = await truth.emitterWithPrivateHalf();
      return published({ ...jwks, keys: jwks.keys.map((key) => (key.kid === shown.kid ? shown : key)) });
    }
    case "truncated": {
      const whole = JSON.stringify(jwks);
      return published(whole.slice(0, whole.length / 2));
    }
    case "empty_set":
      return published({ keys: [] });
    case "not_modified":
      return new Response(null, { status: 304 });
  }
}

/** As a JWKS endpoint that keeps no promises writes it: without max-age or ETag. */
function published(body: object | string): Response {
  return new Response(typeof body === "string" ? body : JSON.stringify(body), {
    headers: { "Content-Type": "application/jwk-set+json" },
  });
}

function endless(signal: AbortSignal | null): ReadableStream<Uint8Array> {
  const chunk = new Uint8Array(16_384).fill(0x20);
  return new ReadableStream({
    start: (stream) => signal?.addEventListener("abort", () => stream.error(signal.reason), { once: true }),
    // After a turn of the event loop, or the reader's deadline would never get its own.
    pull: (stream) =>
      new Promise((resolve) => {
        setTimeout(() => {
          if (signal?.aborted !== true) stream.enqueue(chunk);
          resolve();
        });
      }),
  });
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | null): Promise<T> {
  if (signal === null) return work;
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  return Promise.race([work, aborted]);
}
