import { readingOf } from "../clock.ts";
import { KeyturnError } from "../errors.ts";
import { secondsLeft } from "./api-token.ts";
import { type BreakerState, createBreaker } from "./breaker.ts";
import { createCalls } from "./calls.ts";
import { completeOptions } from "./config.ts";
import { heldTokens } from "./held-tokens.ts";
import type { ClientOptions } from "./options.ts";
import { createOutbox, type Outcome } from "./outbox.ts";
import { createRenewal, type RenewalFailure } from "./renewal.ts";
import { httpService } from "./service.ts";
import type { Claims, SignedToken } from "./signed-token.ts";
import { createSigning, orderJson } from "./signing.ts";

export interface SignOptions {
  /** Lifetime of the token in seconds, at most what the service allows. Default: that. */
  readonly expiresInSeconds?: number;
  /** Of a Worker's execution context: lets a renewal of the API token end after the answer is given. */
  readonly waitUntil?: (work: Promise<unknown>) => void;
}

/** What a client knows of itself; nobody is asked. */
export interface ClientHealth {
  /** `open`: the service has failed again and again, and calls fail at once. */
  readonly breaker: BreakerState;
  /** Null before it is loaded, which the first call does. */
  readonly apiToken: {
    /** Null until the service has told. */
    readonly id: string | null;
    /** Until it expires or its overlap ends. Null: for ever, or not known yet. */
    readonly lastsSeconds: number | null;
    /** Until its successor is fetched. Null: never, or not known yet. */
    readonly renewsInSeconds: number | null;
    /** Whether a restart would find it in the token store. */
    readonly saved: boolean;
    /** Whether the service refuses it, and every other that there was: an operator has to issue another. */
    readonly refused: boolean;
  } | null;
  /** Why the last look after the API token failed; null where it went well. */
  readonly renewalFailure: RenewalFailure | null;
  /** Calls of `sign` that have not been answered. */
  readonly waiting: number;
}

export interface Client {
  /**
   * Signs a JWT. Calls at one time travel in one request.
   *
   * @throws KeyturnError `claims_invalid`, `claims_too_large`, `lifetime_too_long`, `scope_exceeded`:
   *   this will never be signed. `service_unavailable`, `rate_limited`: later perhaps.
   *   `unauthenticated`, `forbidden`: not with this API token. `service_refused`, `client_closed`, and
   *   others that a request can be refused with, see ERRORS.md.
   */
  sign(claims: Claims, options?: SignOptions): Promise<SignedToken>;
  /**
   * Fetches the successor of the API token, due or not, as after a leak. The one before it stays good for
   * the overlap, unless it is revoked.
   * @throws KeyturnError as `sign`, and `api_token_ended`
   */
  rotateNow(): Promise<void>;
  health(): ClientHealth;
  /** Takes no more calls, and resolves when those under way are done. */
  close(): Promise<void>;
}

/** What waits is held in memory, 8 KiB each at most, and is late soon. */
const WAITING_MAX = 10_000;

/** @throws KeyturnError `config_invalid`, with every problem */
export function createClient(options: ClientOptions): Client {
  const config = completeOptions(options);
  const { clock, requestSeconds } = config;
  const service = httpService(config.url, config.fetch, clock);
  const breaker = createBreaker(requestSeconds);
  const calls = createCalls({ ...config, breaker });
  const held = heldTokens(config);
  const signing = createSigning({ held, calls, service });
  const outbox = createOutbox(config.requestsMax, signing.limits, signing.send);
  const renewal = createRenewal(config, { held, calls, service });
  let isOpen = true;
  renewal.start();

  function assertOpen(): void {
    if (isOpen) return;
    throw new KeyturnError("client_closed", "The client has been closed.", {
      fix: "Make one client and keep it for as long as the process signs.",
    });
  }

  async function sign(claims: Claims, signOptions: SignOptions = {}): Promise<SignedToken> {
    assertOpen();
    const json = orderJson(claims, signOptions.expiresInSeconds);
    if (outbox.waiting() >= WAITING_MAX) throw tooMany();
    const renewing = renewal.keepUp();
    if (renewing !== null) signOptions.waitUntil?.(renewing);
    const outcome = await new Promise<Outcome>((settle) => {
      const endsBy = clock.monotonic() + config.patienceSeconds;
      outbox.put({ json, bytes: new TextEncoder().encode(json).length, endsBy, settle });
    });
    if ("error" in outcome) throw outcome.error;
    return outcome.token;
  }

  function health(): ClientHealth {
    const token = held.latest();
    const known = token?.known ?? null;
    return {
      breaker: breaker.state(clock.monotonic()),
      apiToken: token && {
        id: known?.id || null,
        lastsSeconds: known && secondsLeft(known, readingOf(clock)),
        renewsInSeconds: renewal.dueInSeconds(),
        saved: held.saved(),
        refused: held.refused(),
      },
      renewalFailure: renewal.lastFailure(),
      waiting: outbox.waiting(),
    };
  }

  return {
    sign,
    async rotateNow() {
      assertOpen();
      await renewal.rotateNow();
    },
    health,
    async close() {
      isOpen = false;
      await Promise.all([renewal.stop(), outbox.empty()]);
    },
  };
}

function tooMany(): KeyturnError {
  return new KeyturnError("rate_limited", `${WAITING_MAX} calls of sign wait for an answer already.`, {
    fix: "Wait for some of them before making more.",
  });
}
