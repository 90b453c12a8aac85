/** The Durable Object of a ring: the one place where it is written, and the one that turns it over. */
import { DurableObject } from "cloudflare:workers";
import type { TokenUse } from "../api-tokens/api-tokens.ts";
import { systemClock } from "../clock.ts";
import { type ErrorCode, isKeyturnError } from "../errors.ts";
import { problemResponse } from "../http/problem.ts";
import type { KekSource } from "../kek/source.ts";
import type { TickResult } from "../manager/tick.ts";
import { objectStore } from "../store/durable-object.ts";
import type { RingStore, Stored } from "../store/store.ts";
import type { OnEvent } from "../telemetry/events.ts";
import { watchedStore } from "../telemetry/store-watch.ts";
import { type Answer, answered } from "./answer.ts";
import { auditHistory } from "./audit-history.ts";
import { kekHold } from "./kek-hold.ts";
import { keptAnswers } from "./kept-answers.ts";
import type { Place } from "./object-reader.ts";
import { oncePerOutage } from "./outage.ts";
import type { Environment, ObjectContext } from "./platform.ts";
import { boundKek, hasBoundSecret } from "./secrets.ts";
import { type ServedRing, serveRing } from "./served-ring.ts";
import { configOf, type EdgeConfig } from "./settings.ts";
import { type Telemetry, telemetryOf } from "./telemetry.ts";
import { AFTER_COMMIT_SECONDS, RETRY_SECONDS, wakeAt } from "./wake.ts";

const clock = systemClock;

/**
 * Export it from your Worker's main module, and bind it as `KEY_RING` (see wrangler.toml). Everything that
 * it is told comes from the environment.
 */
export class KeyRingObject<Bindings extends Environment = Environment> extends DurableObject<Bindings> {
  #serving: Promise<ServedRing> | null = null;
  /** On the monotonic clock: what a secret was read for is good until then. */
  #openAnewAt = Number.POSITIVE_INFINITY;
  /** By what could be read of the configuration. Both are kept, because each knows what it has told already. */
  readonly #telemetry: { settled?: Telemetry; unsettled?: Telemetry } = {};
  #onEvent: OnEvent | null = null;
  #isArmed = false;
  /** Commits to the ring that were begun here: each sets the alarm itself. */
  #commits = 0;
  readonly #stores = new Map<Place, RingStore>();

  constructor(context: ObjectContext, environment: Bindings) {
    super(context, environment);
    // What throws in here would be the end of this instance, which can do most of its work without an alarm.
    void context.blockConcurrencyWhile(() => this.#arm().catch(nothing));
  }

  /**
   * The newest document of a place, from storage. Makes the ring where there is none. One that cannot be opened
   * here for want of a KEK or for a setting is still given to whoever can open it.
   */
  async load(place: Place): Promise<Answer<Stored | null>> {
    return this.#answer(async () => {
      await this.#read().catch(async (error: unknown) => {
        const isSound = isKeyturnError(error, ...NOT_OF_THE_RING);
        if (!isSound || (await this.#store("ring").load()) === null) throw error;
      });
      return this.stored(this.#store(place));
    });
  }

  /** Takes the step that is due, if any. Whoever is bound to the object may call it as often as they like. */
  async tick(): Promise<Answer<TickResult>> {
    return this.#answer(async () => {
      try {
        const commits = this.#commits;
        const { tick } = await this.#read();
        const result = await tick();
        // Whatever was committed meanwhile has set the alarm by what is not known here.
        if (commits === this.#commits) await this.#wakeAt(wakeAt(result, clock.now()));
        return result;
      } catch (error) {
        this.#told().onEvent({ type: "tick_failed", error });
        throw error;
      }
    });
  }

  /** When API tokens were last used, as noted by those who only read. */
  async seen(uses: readonly TokenUse[]): Promise<Answer<null>> {
    return this.#answer(async () => {
      const { apiTokens } = await this.#read();
      apiTokens.seen(uses);
      return null;
    });
  }

  /** The admin API, and all that the Worker answers too. */
  async fetch(request: Request): Promise<Response> {
    try {
      return await (await this.#read()).fetch(request);
    } catch (error) {
      this.#told().onFailure(error);
      return problemResponse(error);
    } finally {
      this.#told().flush();
    }
  }

  /**
   * Throws only where no alarm can be set at all: then the few times that the platform tries again by itself
   * are all that is left. For anything else it would give up after those, for good.
   */
  async alarm(): Promise<void> {
    // First, so that one is set whatever becomes of the rest.
    await this.#wakeIn(RETRY_SECONDS).catch(nothing);
    // What it throws it has told.
    await this.tick().catch(nothing);
    await this.#arm();
  }

  /** Where a place is kept. A class of your own may keep it elsewhere. */
  protected storeOf(place: Place): RingStore {
    const { storage } = this.ctx;
    return objectStore({
      ...{ storage, place, now: clock.now },
      ...(place === "ring" ? { wakeAfterSeconds: AFTER_COMMIT_SECONDS } : {}),
    });
  }

  /** Whether others write to these places as well. */
  protected isShared(): boolean {
    return false;
  }

  /** Where the KEK comes from. */
  protected kekSource(): KekSource {
    return boundKek(this.env);
  }

  /** What the deployment is told. */
  protected config(): EdgeConfig {
    return configOf(this.env);
  }

  /** What others are told that stands in a place. */
  protected stored(store: RingStore): Promise<Stored | null> {
    return store.load();
  }

  /** Has what is served read anew, at each event: an object's own storage costs next to nothing. */
  protected async reread({ manager, apiTokens }: ServedRing): Promise<void> {
    await Promise.all([manager.refresh(), apiTokens.refresh()]);
  }

  /** What it serves, by what stands in storage now: another instance may have written since. */
  async #read(): Promise<ServedRing> {
    if (!this.#isArmed) await this.#arm().catch(nothing);
    const serving = await this.#served();
    await this.reread(serving);
    return serving;
  }

  async #served(): Promise<ServedRing> {
    this.#serving ??= this.#opened(null);
    const known = this.#serving;
    const serving = await known;
    if (clock.monotonic() < this.#openAnewAt) return serving;
    // Once, for all who come meanwhile.
    if (this.#serving === known) this.#serving = this.#opened(serving);
    return this.#serving ?? this.#served();
  }

  /** @param before what was served until now, and is kept while the Secrets Store cannot be read */
  async #opened(before: ServedRing | null): Promise<ServedRing> {
    try {
      const serving = await this.#open();
      if (before !== null) serving.apiTokens.seen(before.apiTokens.uses());
      if (hasBoundSecret(this.env))
        this.#openAnewAt = clock.monotonic() + serving.manager.ring().policy.leaseSeconds;
      return serving;
    } catch (error) {
      if (before !== null && isKeyturnError(error, "store_unavailable")) {
        this.#openAnewAt = clock.monotonic() + RETRY_SECONDS;
        return before;
      }
      // Whoever comes next finds out whether it was mended.
      this.#serving = null;
      throw error;
    }
  }

  async #open(): Promise<ServedRing> {
    const config = this.config();
    const { storage } = this.ctx;
    this.#telemetry.settled ??= telemetryOf(this.env, config);
    const { onEvent: tell } = this.#telemetry.settled;
    const audit = auditHistory(storage);
    this.#onEvent ??= oncePerOutage((event) => {
      if (event.type !== "ring_advanced") return tell(event);
      // Instances come and go by the minute, and each finds the ring anew.
      const records = audit.keep(event.records);
      if (records.length > 0) tell({ ...event, records });
    });
    const onEvent = this.#onEvent;
    const watched = (place: Place) => watchedStore(this.#store(place), clock, onEvent);
    return serveRing({
      ...{ environment: this.env, config, audit, clock, onEvent },
      kekSource: this.kekSource(),
      stores: { ring: this.#counted(watched("ring")), apiTokens: watched("api-tokens") },
      isShared: this.isShared(),
      kekHold: kekHold(storage),
      answers: keptAnswers(storage, clock.now),
    });
  }

  #store(place: Place): RingStore {
    const store = this.#stores.get(place) ?? this.storeOf(place);
    this.#stores.set(place, store);
    return store;
  }

  #counted(store: RingStore): RingStore {
    return {
      ...store,
      replace: (document, expected) => {
        this.#commits += 1;
        return store.replace(document, expected);
      },
    };
  }

  async #answer<T>(work: () => Promise<T>): Promise<Answer<T>> {
    try {
      return await answered(work);
    } finally {
      this.#told().flush();
    }
  }

  /** Also before the configuration could be read. */
  #told(): Telemetry {
    const { settled } = this.#telemetry;
    if (settled !== undefined) return settled;
    this.#telemetry.unsettled ??= telemetryOf(this.env, { logLevel: "info", ring: "" });
    return this.#telemetry.unsettled;
  }

  /** An alarm that failed too often is gone, and so may be the one of an object that was restored. */
  async #arm(): Promise<void> {
    const { storage } = this.ctx;
    if ((await storage.getAlarm()) === null) await this.#wakeIn(AFTER_COMMIT_SECONDS);
    this.#isArmed = true;
  }

  #wakeIn(seconds: number): Promise<void> {
    return this.#wakeAt(clock.now() + seconds);
  }

  async #wakeAt(at: number): Promise<void> {
    await this.ctx.storage.setAlarm(at * 1000);
  }
}

/** What keeps a ring from being opened here, and says nothing against the ring. */
const NOT_OF_THE_RING: readonly ErrorCode[] = [
  "config_invalid",
  "policy_invalid",
  "kek_missing",
  "kek_invalid",
  // The ring may have been sealed by the object of another deployment.
  "kek_mismatch",
  "api_token_invalid",
  // The Secrets Store: the ring's own storage is read right after.
  "store_unavailable",
];

function nothing(): void {}
