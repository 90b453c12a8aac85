/**
 * One issuer's keys, kept fresh. There are no timers: each call finds out how old the set is and does
 * what is due. Asking ahead happens in the background, so that a known kid never waits while the
 * set is fresh; when asking fails, the set is used on, for so long and no longer.
 */
import type { Clock } from "../clock.ts";
import { withinSeconds } from "./deadline.ts";
import { type FetchFailure, failed, type JwksAnswer, type JwksOrigin } from "./fetch-jwks.ts";
import { type Flight, singleFlight } from "./flight.ts";
import {
  ageSeconds,
  backOffSeconds,
  type FreshnessLimits,
  type Reading,
  readingOf,
  type Stage,
  type Validity,
  validityOf,
} from "./freshness.ts";
import { type HeldKeysOptions, heldKeys } from "./held-keys.ts";
import { parseJwks } from "./jwks-document.ts";
import { selectKey, type VerifyKey } from "./key-set.ts";
import type { Header } from "./parse.ts";
import { type RefusalReason, VerifyError } from "./refusal.ts";
import { decodeSnapshot, encodeSnapshot, type SnapshotStore } from "./snapshots.ts";
import { unknownKids } from "./unknown-kids.ts";

/** Keeps a runtime from ending work when the request that began it has its answer. */
export type WaitUntil = (work: Promise<unknown>) => void;

export interface SourceOptions extends FreshnessLimits, Omit<HeldKeysOptions, "onChange"> {
  readonly origin: JwksOrigin;
  /** Where answers are shared, and under what name; null where they are not. */
  readonly shared: { readonly store: SnapshotStore; readonly key: string } | null;
  readonly fetchSeconds: number;
  readonly maxKeys: number;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
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
  /** Whether keys may be used now. Starts in the background whatever is due. */
  ready(waitUntil?: WaitUntil): boolean;
  /** Makes the keys ready, in bounded time. @throws VerifyError `keys_not_loaded`, `keys_expired` */
  load(waitUntil?: WaitUntil): Promise<void>;
  /** The key for a header, of those that are there. */
  select(header: Header): VerifyKey | RefusalReason;
  /** The same, after asking the issuer for a kid that is not there, in bounded time and number. */
  seek(header: Header, waitUntil?: WaitUntil): Promise<VerifyKey | RefusalReason>;
  /** Begins to ask the issuer for a kid. False where it is not worth asking. */
  ask(kid: string, waitUntil?: WaitUntil): boolean;
  /** When another try may do better. */
  retryAfterSeconds(): number;
  revoke(kid: string): void;
  health(): SourceHealth;
}

/** A shared snapshot saves a fetch, so it must not take as long as one. */
const SNAPSHOT_SECONDS = 1;

export function jwksSource(options: SourceOptions): JwksSource {
  const { origin, shared, clock, random, counters, onEvent } = options;
  const missing = unknownKids();
  const held = heldKeys({ ...options, onChange: missing.forget });
  const flights = singleFlight(clock, options.fetchSeconds + SNAPSHOT_SECONDS);
  let failures = 0;
  let lastFailure: FetchFailure | null = null;
  /** On the monotonic clock. */
  let retryAt = Number.NEGATIVE_INFINITY;
  let told: Stage = "fresh";

  function ready(waitUntil?: WaitUntil): boolean {
    const reading = readingOf(clock);
    const stage = held.stage(reading);
    if (stage === "fresh") return true;
    refresh(reading, waitUntil);
    // Past its freshness a set is used only because asking failed: so the first to come waits for that.
    const usable = stage === "due" || (stage === "stale" && failures > 0);
    if (usable) tell(stage, reading);
    return usable;
  }

  async function load(waitUntil?: WaitUntil): Promise<void> {
    // A second time, where the first flight was another's and is lost.
    for (let attempt = 0; attempt < 2 && !isUsable(); attempt++) {
      const flight = refresh(readingOf(clock), waitUntil);
      if (flight !== null) await flights.landed(flight);
    }
    const reading = readingOf(clock);
    tell(held.stage(reading), reading);
    if (held.stage(reading) !== "expired") return;
    throw new VerifyError(held.set === null ? "keys_not_loaded" : "keys_expired", retryAfterSeconds());
  }

  function retryAfterSeconds(): number {
    return Math.max(1, Math.ceil(retryAt - clock.monotonic()));
  }

  function isUsable(): boolean {
    const stage = held.stage(readingOf(clock));
    return stage === "fresh" || stage === "due" || (stage === "stale" && failures > 0);
  }

  function select(header: Header): VerifyKey | RefusalReason {
    if (header.kid !== undefined && held.isRevoked(header.kid)) return "kid_revoked";
    const selected = held.set === null ? "kid_unknown" : selectKey(held.set, header);
    // Old keys do not tell that there is no new one.
    return selected === "kid_unknown" && held.stage(readingOf(clock)) === "stale" ? "keys_expired" : selected;
  }

  async function seek(header: Header, waitUntil?: WaitUntil): Promise<VerifyKey | RefusalReason> {
    // A flight under way may bring it, and costs nothing.
    const underWay = flights.current();
    if (underWay !== null) await flights.landed(underWay);
    const found = select(header);
    if (found !== "kid_unknown" || header.kid === undefined || !ask(header.kid, waitUntil)) return found;
    const asking = flights.current();
    if (asking !== null) await flights.landed(asking);
    return select(header);
  }

  function ask(kid: string, waitUntil?: WaitUntil): boolean {
    const { monotonic } = readingOf(clock);
    if (monotonic < retryAt || !missing.mayFetch(kid, monotonic)) return false;
    const { done } = start(false, waitUntil);
    void done.then((asked) => {
      const isMissing = held.set?.keys.every((key) => key.kid !== kid) === true;
      if (asked && lastFailure === null && isMissing) missing.missed(kid, clock.monotonic());
    });
    return true;
  }

  /** The flight under way, or a new one where it is time for one. */
  function refresh({ monotonic }: Reading, waitUntil?: WaitUntil): Flight | null {
    return flights.current() ?? (monotonic < retryAt ? null : start(true, waitUntil));
  }

  /** @param anyone whether another's snapshot will do as well as the issuer's own answer */
  function start(anyone: boolean, waitUntil?: WaitUntil): Flight {
    const flight = flights.start(async (sequence) => {
      if (anyone && (await takeSnapshot(sequence).catch(() => snapshotFailed("load")))) return false;
      const askedAt = readingOf(clock);
      const answer = await origin(held.origin.etag, askedAt.now);
      await take(answer, askedAt, sequence, waitUntil).catch(() => fail(failed("not_a_jwks")));
      return true;
    });
    waitUntil?.(flight.done);
    return flight;
  }

  async function take(
    answer: JwksAnswer,
    askedAt: Reading,
    sequence: number,
    waitUntil?: WaitUntil,
  ): Promise<void> {
    if (answer.kind === "failed") return fail(answer);
    if (answer.kind === "set" && held.isOutdated(answer.document, readingOf(clock)))
      return fail(failed("older_set", 200));
    const validity = validityOf(answer, askedAt, options, random());
    const taken =
      answer.kind === "set"
        ? await held.replace(answer.document, { etag: answer.etag, body: answer.body }, validity, sequence)
        : held.renew(validity, sequence);
    if (!taken) return;
    failures = 0;
    lastFailure = null;
    retryAt = Number.NEGATIVE_INFINITY;
    told = "fresh";
    counters.fetched(answer.kind);
    onEvent({
      type: "jwks_fetched",
      unchanged: answer.kind === "unchanged",
      keys: held.set?.keys.length ?? 0,
      freshSeconds: validity.freshSeconds,
    });
    share(validity, waitUntil);
  }

  function fail({ because, status, retryAfterSeconds }: JwksAnswer & { kind: "failed" }): void {
    failures++;
    lastFailure = because;
    const retrySeconds = backOffSeconds(failures, retryAfterSeconds, random());
    retryAt = clock.monotonic() + retrySeconds;
    counters.fetched(because);
    onEvent({ type: "jwks_failed", because, status, retrySeconds });
  }

  /** Takes up what another process or isolate was told, where that is newer. @returns whether it is fresh */
  async function takeSnapshot(sequence: number): Promise<boolean> {
    if (shared === null) return false;
    const text = await withinSeconds(SNAPSHOT_SECONDS, () => shared.store.load(shared.key));
    if (text === null) return false;
    const reading = readingOf(clock);
    const snapshot = decodeSnapshot(text, reading.now);
    const document = snapshot && parseJwks(new TextEncoder().encode(snapshot.body), options.maxKeys);
    if (snapshot === null || document === null) return snapshotFailed("load");
    const { fetchedAt, freshSeconds, etag, body } = snapshot;
    if (held.validity !== null && fetchedAt <= held.validity.since.now) return false;
    // Its age is counted from the request that brought it, wherever it has lain since.
    const since = { now: fetchedAt, monotonic: reading.monotonic - (reading.now - fetchedAt) };
    const validity = validityOf({ maxAgeSeconds: freshSeconds, ageSeconds: 0 }, since, options, random());
    if (held.isOutdated(document, reading)) return false;
    await held.replace(document, { etag, body }, validity, sequence);
    return held.stage(readingOf(clock)) === "fresh";
  }

  function share({ since, freshSeconds }: Validity, waitUntil?: WaitUntil): void {
    if (shared === null) return;
    const snapshot = encodeSnapshot({ fetchedAt: since.now, freshSeconds, ...held.origin });
    const saved = shared.store
      .save(shared.key, snapshot, freshSeconds + options.maxStaleSeconds)
      .catch(() => snapshotFailed("save"));
    waitUntil?.(saved);
  }

  function snapshotFailed(operation: "load" | "save"): false {
    onEvent({ type: "snapshot_failed", operation });
    return false;
  }

  /** Once for each time that the stage is entered. */
  function tell(stage: Stage, reading: Reading): void {
    if (stage !== told && held.validity !== null && (stage === "stale" || stage === "expired")) {
      const type = stage === "stale" ? "stale_keys_used" : "keys_expired";
      onEvent({ type, ageSeconds: ageSeconds(reading, held.validity.since) });
    }
    told = stage;
  }

  function health(): SourceHealth {
    const reading = readingOf(clock);
    const { set, validity } = held;
    const age = validity === null ? null : ageSeconds(reading, validity.since);
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

  return { ready, load, select, seek, ask, retryAfterSeconds, revoke: held.revoke, health };
}

function statusOf(stage: Stage, untried: boolean): SourceHealth["status"] {
  if (stage === "expired") return untried ? "cold" : "down";
  return stage === "stale" ? "stale" : "ok";
}
