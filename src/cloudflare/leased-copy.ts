/**
 * A copy of the ring in an isolate: it signs and answers by it until its lease ends, so that most requests
 * need nobody else. Nothing that one request has begun is ever waited for by another, because on Workers it
 * may never end: each reads for itself, or is answered by what is there.
 */
import { createApiTokens } from "../api-tokens/api-tokens.ts";
import type { Authenticate } from "../api-tokens/caller.ts";
import type { Clock } from "../clock.ts";
import { withinSeconds } from "../deadline.ts";
import { isKeyturnError } from "../errors.ts";
import { createApp } from "../http/app.ts";
import { type JwksAnswers, jwksAnswers } from "../http/jwks.ts";
import { watchedAnswers } from "../http/jwks-watch.ts";
import { publicJwksUrl } from "../http/public-jwks.ts";
import type { KekSource } from "../kek/source.ts";
import { parseKek } from "../keys/kek.ts";
import { createKeyManager, type KeyManager } from "../manager/manager.ts";
import { guardedStore, LOAD_SECONDS_MAX } from "../store/guarded.ts";
import type { OnEvent } from "../telemetry/events.ts";
import { watchedStore } from "../telemetry/store-watch.ts";
import { told } from "./answer.ts";
import { keyRingReader, type Place } from "./object-reader.ts";
import type { Environment, RequestContext } from "./platform.ts";
import { readKeks } from "./secrets.ts";
import type { EdgeConfig } from "./settings.ts";

export interface LeasedCopy {
  readonly manager: KeyManager;
  readonly answers: JwksAnswers;
  readonly app: { fetch(request: Request): Response | Promise<Response> };
  /** Who presents an API token, as far as is known here; null also where only the object may know it. */
  readonly recognize: Authenticate;
  /** Whether the ring is sealed under a KEK that this copy was not made with: the secrets have to be read anew. */
  needsOtherKek(): boolean;
  /** Reads the ring now, without the API tokens. @throws KeyturnError what keeps it from being read */
  readRing(): Promise<void>;
  /** Makes it as fresh as signing demands, and has it freshened in the background where that can wait. */
  keepFresh(context: RequestContext): Promise<void>;
  /** Tells the object which API tokens were used here, if any were. Never throws. */
  tellUses(): Promise<void>;
}

export interface CopyOptions {
  readonly environment: Environment;
  readonly config: EdgeConfig;
  readonly clock: Clock;
  readonly onEvent: OnEvent;
  readonly kekSource: KekSource;
  /** Who presents a token that stands in the secrets. */
  readonly recognizeGiven: Authenticate;
}

/** A copy older than this part of its lease is not signed with before it was read anew: a slow request must not outlive it. */
const LEASE_PART_MAX = 1 / 2;

/** An object that is well answers sooner, from the other side of the earth too. What may still sign waits no longer. */
const WAIT_SECONDS = 1;

/** `refreshSeconds` is a promise, so one refresh may fail, and each may take its time, before it is broken. */
const REFRESHES_PER_PERIOD = 2;

/** @throws KeyturnError as `createKeyManager`; `ring_missing` never: its object makes the ring */
export async function leaseCopy({
  environment,
  config,
  clock,
  onEvent,
  kekSource,
  recognizeGiven,
}: CopyOptions): Promise<LeasedCopy> {
  const keks = await readKeks(kekSource);
  const reader = (place: Place) =>
    watchedStore(
      guardedStore(keyRingReader(environment.KEY_RING, config.ring, place), clock),
      clock,
      onEvent,
    );
  const { issuer, tokenTyp } = config;
  const manager = await createKeyManager({
    ...{ ...keks, issuer, tokenTyp, clock, onEvent },
    store: reader("ring"),
    createIfMissing: false,
  });
  const texts = keks.previousKek === undefined ? [] : [keks.previousKek];
  const apiTokens = await createApiTokens({
    ...{ clock, onEvent },
    store: reader("api-tokens"),
    ring: manager.ring().id,
    keks: [await parseKek(keks.kek), ...(await Promise.all(texts.map((text) => parseKek(text))))],
    mustRead: false,
    leaseSeconds: manager.ring().policy.leaseSeconds,
  });
  const recognize: Authenticate = async (presented) =>
    (await apiTokens.recognize(presented)) ?? recognizeGiven(presented);
  const answers = jwksAnswers(manager);
  let beganAt = clock.monotonic();

  let isOfOtherKek = false;

  async function readRing(): Promise<void> {
    try {
      await manager.refresh();
      isOfOtherKek = false;
    } catch (error) {
      isOfOtherKek = isKeyturnError(error, "kek_mismatch");
      throw error;
    }
  }

  async function refresh(): Promise<void> {
    beganAt = clock.monotonic();
    await Promise.all([readRing(), apiTokens.refresh()]);
  }

  /** What was noted here is written down by the object. */
  async function tellUses(): Promise<void> {
    const uses = apiTokens.uses();
    if (uses.length === 0) return;
    try {
      told(await environment.KEY_RING.getByName(config.ring).seen(uses));
    } catch {
      apiTokens.seen(uses);
    }
  }

  async function keepFresh(context: RequestContext): Promise<void> {
    const { refreshSeconds, leaseSeconds } = manager.ring().policy;
    const { leaseAgeSeconds } = manager.status();
    if (leaseAgeSeconds >= leaseSeconds * LEASE_PART_MAX) {
      // What keeps it from being read has been told as `store_failed`; the lease decides what follows from it.
      const refreshing = refresh().catch(nothing);
      context.waitUntil(refreshing);
      const hasRoom = leaseAgeSeconds + WAIT_SECONDS < leaseSeconds;
      await withinSeconds(hasRoom ? WAIT_SECONDS : LOAD_SECONDS_MAX, () => refreshing).catch(nothing);
      return;
    }
    const sinceBegun = clock.monotonic() - beganAt;
    if (sinceBegun < 0 || sinceBegun >= refreshSeconds / REFRESHES_PER_PERIOD)
      context.waitUntil(Promise.all([refresh(), tellUses()]).catch(nothing));
  }

  return {
    manager,
    answers,
    app: createApp({
      ...{ manager, onEvent },
      answers: watchedAnswers(answers, onEvent),
      authenticate: recognize,
      jwksUrl: publicJwksUrl(config),
    }),
    ...{ recognize, readRing, keepFresh, tellUses },
    needsOtherKek: () => isOfOtherKek,
  };
}

function nothing(): void {}
