/**
 * One issuer's keys, kept fresh. There are no timers: each call finds out how old the set is and does
 * what is due. Asking ahead happens in the background, so that a known kid never waits while the
 * set is fresh; when asking fails, the set is used on, for so long and no longer.
 */
import { type Reading, readingOf, secondsSince } from "../clock.ts";
import { type FetchFailure, failed, type JwksAnswer, type JwksOrigin } from "./fetch-jwks.ts";
import { type Flight, singleFlight } from "./flight.ts";
import { backOffSeconds, FAILURE_COUNTS_SECONDS, type Stage, validityOf } from "./freshness.ts";
import { type HeldKeysOptions, heldKeys, type Origin } from "./held-keys.ts";
import { selectKey, type VerifyKey } from "./key-set.ts";
import type { Header } from "./parse.ts";
import { type RefusalReason, VerifyError } from "./refusal.ts";
import { SHARING_SECONDS, type SharingOptions, sharing } from "./sharing.ts";
import { unknownKids } from "./unknown-kids.ts";

/** Keeps a runtime from ending work when the request that began it has its answer. */
export type WaitUntil = (work: Promise<unknown>) => void;

export interface SourceOptions extends SharingOptions, Omit<HeldKeysOptions, "onChange"> {
  readonly origin: JwksOrigin;
  readonly fetchSeconds: number;
}

export interface SourceHealth {
  /** `ok`: fresh. `stale`: in use past its freshness. `down`: too old, or none came. `cold`: not asked yet. */
  readonly status: "ok" | "stale" | "down" | "cold";
  readonly kids: readonly (string | null)[];
  readonly generation: number | null;
  /** Since the issuer last vouched for the keys; null before the first time. */
  readonly ageSeconds: number | null;
  /** For how long tokens can still be verified if no answer comes any more. */
  readonly usableSeconds: number;
  /** In a row. */
  readonly failures: number;
  readonly lastFailure: FetchFailure | null;
}

export interface JwksSource {
  /** Whether keys may be used now. Starts in the background whatever is due. @param reading of this moment */
  ready(reading: Reading, waitUntil?: WaitUntil): boolean;
  /** Makes the keys ready, in bounded time. @throws VerifyError `keys_not_loaded`, `keys_expired` */
  load(waitUntil?: WaitUntil): Promise<void>;
  /** The key for a header, of those that are there. */
  select(header: Header): VerifyKey | RefusalReason;
  /**
   * The same, after asking the issuer for a kid that is not there, in bounded time and number.
   * @param begun as it was when the token came: what a later request brought is as new as can be
   */
  seek(header: Header, begun: number, waitUntil?: WaitUntil): Promise<VerifyKey | RefusalReason>;
  /** How many requests have begun so far. */
  begun(): number;
  /** The flight that may bring an unknown kid, begun if need be; null where it is not worth one. */
  ask(kid: string, waitUntil?: WaitUntil): Flight | null;
  /** What to say of a kid that was not found: that there is none is known only where the issuer answers. */
  notFound(): RefusalReason;
  /** When another try may do better. */
  retryAfterSeconds(): number;
  revoke(kid: string): void;
  health(): SourceHealth;
}

export function jwksSource(options: SourceOptions): JwksSource {
  const { origin, clock, random, counters, onEvent } = options;
  const missing = unknownKids();
  const held = heldKeys({ ...options, onChange: missing.forget });
  const shared = sharing(options);
  const flights = singleFlight(clock, options.fetchSeconds + SHARING_SECONDS);
  let failures = 0;
  let lastFailure: FetchFailure | null = null;
  /** On the monotonic clock. */
  let retryAt = Number.NEGATIVE_INFINITY;
  /** The last request that the issuer answered. */
  let answered = 0;
  let told: Stage = "fresh";

  function ready(reading: Reading, waitUntil?: WaitUntil): boolean {
    const stage = held.stage(reading);
    if (stage === "fresh") return true;
    refresh(reading, waitUntil);
    const usable = isUsable(stage, reading);
    if (usable) tell(stage, reading);
    return usable;
  }

  /** Past its freshness a set is used only because asking has just failed: whoever comes first waits for that. */
  function isUsable(stage: Stage, { monotonic }: Reading): boolean {
    if (stage === "stale") return failures > 0 && monotonic < retryAt + FAILURE_COUNTS_SECONDS;
    return stage !== "expired";
  }

  async function load(waitUntil?: WaitUntil): Promise<void> {
    // A second time, where the first flight was another's and is lost.
    for (let attempt = 0; attempt < 2; attempt++) {
      const before = readingOf(clock);
      if (isUsable(held.stage(before), before)) break;
      const flight = refresh(before, waitUntil);
      if (flight === null) break;
      await flights.landed(flight);
    }
    const reading = readingOf(clock);
    const stage = held.stage(reading);
    tell(stage, reading);
    if (stage === "expired")
      throw new VerifyError(held.set === null ? "keys_not_loaded" : "keys_expired", retryAfterSeconds());
  }

  function retryAfterSeconds(): number {
    return Math.max(1, Math.ceil(retryAt - clock.monotonic()));
  }

  function select(header: Header): VerifyKey | RefusalReason {
    if (header.kid !== undefined && held.isRevoked(header.kid)) return "kid_revoked";
    return held.set === null ? "kid_unknown" : selectKey(held.set, header);
  }

  async function seek(
    header: Header,
    begun: number,
    waitUntil?: WaitUntil,
  ): Promise<VerifyKey | RefusalReason> {
    if (answered > begun) missing.missed(header.kid as string, clock.monotonic());
    let found = select(header);
    // A flight under way costs nothing, but may have begun before the key was published; the next has not.
    for (let attempt = 0; attempt < 2 && found === "kid_unknown"; attempt++) {
      const flight = ask(header.kid as string, waitUntil);
      if (flight === null) break;
      await flights.landed(flight);
      found = select(header);
    }
    return found === "kid_unknown" ? notFound() : found;
  }

  function ask(kid: string, waitUntil?: WaitUntil): Flight | null {
    const underWay = flights.current();
    if (underWay !== null) return underWay;
    const { monotonic } = readingOf(clock);
    if (monotonic < retryAt || missing.isMissing(kid, monotonic) || !missing.takeFetch(monotonic))
      return null;
    const flight = start(false, waitUntil);
    void flight.done.then((asked) => {
      const isMissing = held.set?.keys.every((key) => key.kid !== kid) === true;
      if (asked && failures === 0 && isMissing) missing.missed(kid, clock.monotonic());
    });
    return flight;
  }

  function notFound(): RefusalReason {
    return failures > 0 || held.stage(readingOf(clock)) === "stale" ? "keys_expired" : "kid_unknown";
  }

  /** The flight under way, or a new one where it is time for one. */
  function refresh({ monotonic }: Reading, waitUntil?: WaitUntil): Flight | null {
    return flights.current() ?? (monotonic < retryAt ? null : start(true, waitUntil));
  }

  /** @param anyone whether another's snapshot will do as well as the issuer's own answer */
  function start(anyone: boolean, waitUntil?: WaitUntil): Flight {
    const flight = flights.start(async (sequence) => {
      if (anyone && (await takeShared(sequence))) return false;
      const askedAt = readingOf(clock);
      const known = held.origin;
      // A server that chokes on the condition is asked without it.
      const answer = await origin(failures === 0 ? known.etag : null, askedAt.now);
      await take(answer, known, askedAt, sequence, waitUntil);
      return true;
    });
    outlive(flight.done, waitUntil);
    return flight;
  }

  async function take(
    answer: JwksAnswer,
    known: Origin,
    askedAt: Reading,
    sequence: number,
    waitUntil?: WaitUntil,
  ): Promise<void> {
    if (answer.kind === "failed") return fail(answer, sequence);
    if (answer.kind === "set" && held.isOutdated(answer.document, readingOf(clock)))
      return fail(failed("older_set", 200), sequence);
    // A 304 need not repeat what it does not change (RFC 9111 section 4.3.4).
    const maxAgeSeconds =
      answer.maxAgeSeconds ?? (answer.kind === "unchanged" ? (held.validity?.freshSeconds ?? null) : null);
    const validity = validityOf({ ...answer, maxAgeSeconds }, askedAt, options, random());
    const taken =
      answer.kind === "set"
        ? await held.replace(answer.document, { etag: answer.etag, body: answer.body }, validity, sequence)
        : held.renew(known, validity, sequence);
    if (!taken) return;
    recovered();
    answered = sequence;
    counters.fetched(answer.kind);
    onEvent({
      type: "jwks_fetched",
      unchanged: answer.kind === "unchanged",
      keys: held.set?.keys.length ?? 0,
      freshSeconds: validity.freshSeconds,
    });
    outlive(shared.share(held.origin, validity), waitUntil);
  }

  function recovered(): void {
    failures = 0;
    lastFailure = null;
    retryAt = Number.NEGATIVE_INFINITY;
    told = "fresh";
  }

  function fail(
    { because, status, retryAfterSeconds }: JwksAnswer & { kind: "failed" },
    sequence: number,
  ): void {
    // What came late says nothing about now.
    if (held.isOvertaken(sequence)) return;
    failures++;
    lastFailure = because;
    const retrySeconds = backOffSeconds(failures, retryAfterSeconds, random());
    retryAt = clock.monotonic() + retrySeconds;
    counters.fetched(because);
    onEvent({ type: "jwks_failed", because, status, retrySeconds });
  }

  /** Takes up what another process or isolate was told, where that is newer. @returns whether it is fresh */
  async function takeShared(sequence: number): Promise<boolean> {
    const answer = await shared.latest();
    if (answer === null) return false;
    const { document, origin: from, validity } = answer;
    const isNewer = held.validity === null || validity.since.now > held.validity.since.now;
    if (!isNewer || held.isOutdated(document, readingOf(clock))) return false;
    const taken = await held.replace(document, from, validity, sequence);
    const isFresh = taken && held.stage(readingOf(clock)) === "fresh";
    if (isFresh) recovered();
    return isFresh;
  }

  /** Once for each time that the stage is entered. */
  function tell(stage: Stage, reading: Reading): void {
    if (stage !== told && held.validity !== null && (stage === "stale" || stage === "expired")) {
      const type = stage === "stale" ? "stale_keys_used" : "keys_expired";
      onEvent({ type, ageSeconds: secondsSince(held.validity.since, reading) });
    }
    told = stage;
  }

  function health(): SourceHealth {
    const reading = readingOf(clock);
    const { set, validity } = held;
    const age = validity === null ? null : secondsSince(validity.since, reading);
    const usable =
      validity === null || age === null ? 0 : validity.freshSeconds + options.maxStaleSeconds - age;
    return {
      status: statusOf(held.stage(reading), set === null && failures === 0),
      kids: set?.keys.filter(({ live }) => live).map(({ kid }) => kid) ?? [],
      generation: set?.generation ?? null,
      ageSeconds: age,
      usableSeconds: Math.max(0, usable),
      failures,
      lastFailure,
    };
  }

  return {
    ready,
    load,
    select,
    begun: flights.latest,
    seek,
    ask,
    notFound,
    retryAfterSeconds,
    revoke: held.revoke,
    health,
  };
}

function statusOf(stage: Stage, untried: boolean): SourceHealth["status"] {
  if (stage === "expired") return untried ? "cold" : "down";
  return stage === "stale" ? "stale" : "ok";
}

/** Work that a runtime cannot be asked to wait for is done all the same, as far as it lets it. */
function outlive(work: Promise<unknown>, waitUntil?: WaitUntil): void {
  try {
    waitUntil?.(work);
  } catch {
    // A context that is over, or a method without its object.
  }
}
