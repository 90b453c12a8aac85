/**
 * `keyturn/cloudflare` with the ring and the API tokens in AWS Secrets Manager, beside servers that share them or
 * by itself. A Worker of your own is one line beside its `wrangler.toml`:
 *
 * ```ts
 * export { default, KeyRingObject } from "keyturn/cloudflare/secrets-manager";
 * ```
 *
 * The object goes on to be what ticks and what isolates read through; that there is one writer is then not the
 * platform's word but the compare-and-swap of the secret. AWS.md has the settings, and what AWS is asked.
 *
 * @module
 */
import { awsOptionsFor } from "../aws/options.ts";
import { systemClock } from "../clock.ts";
import { withinSeconds } from "../deadline.ts";
import { KeyturnError } from "../errors.ts";
import { kekIn, secretPlace, withPrevious } from "../kek/configured.ts";
import type { KekSource, KekTexts } from "../kek/source.ts";
import { bearing } from "../store/borne.ts";
import { guardedStore } from "../store/guarded.ts";
import { secretsManagerStore } from "../store/secrets-manager/index.ts";
import type { RingStore, Stored } from "../store/store.ts";
import { told } from "./answer.ts";
import { KeyRingObject as ObjectOfRing } from "./key-ring-object.ts";
import type { Place } from "./object-reader.ts";
import { type RememberedStore, rememberedStore } from "./remembered-store.ts";
import { type AwsEnvironment, credentialsOf, type SecretConfig, secretConfigOf } from "./secret-config.ts";
import { boundKek, secretIn } from "./secrets.ts";
import type { ServedRing } from "./served-ring.ts";
import type { EdgeConfig } from "./settings.ts";
import { AFTER_COMMIT_SECONDS, RETRY_SECONDS } from "./wake.ts";
import { createWorker, type Worker } from "./worker.ts";

export { keyRingReader, type Place } from "./object-reader.ts";
export type { AnalyticsDataset, Environment, KeyRingNamespace, Secret } from "./platform.ts";
export type { AwsEnvironment } from "./secret-config.ts";
export { createWorker, type Worker } from "./worker.ts";

const clock = systemClock;

/** As on a server: one read may fail, and each may take its time, before `refreshSeconds` is broken. */
const READS_PER_PERIOD = 2;

/** AWS answers within a tenth of that. Who waits longer is answered by what was read before, and told its age. */
const REREAD_SECONDS_MAX = 2;

/** Export it from your Worker's main module, and bind it as `KEY_RING`. */
export class KeyRingObject extends ObjectOfRing<AwsEnvironment> {
  readonly #places = new Map<Place, RememberedStore>();
  #rereading: Promise<void> | null = null;

  protected override config(): EdgeConfig & SecretConfig {
    return secretConfigOf(this.env);
  }

  protected override storeOf(place: Place): RingStore {
    return this.#placeOf(place);
  }

  /** By servers, and by `keyturn rewrap`. */
  protected override isShared(): boolean {
    return true;
  }

  protected override kekSource(): KekSource {
    const config = this.config();
    const source = kekSourceOf(this.env, config);
    return { ...source, read: () => readOrMade(source, () => this.#placeOf("ring").load()) };
  }

  /** Not from AWS for each isolate that asks, but as it was read for all of them. */
  protected override stored(store: RingStore): Promise<Stored | null> {
    const place = [...this.#places.values()].find((remembered) => remembered === store);
    return place === undefined ? store.load() : place.remembered();
  }

  /** At most twice in `refreshSeconds`, and once for all who come meanwhile. The lease decides what follows from a failure. */
  protected override async reread(serving: ServedRing): Promise<void> {
    const { manager, apiTokens } = serving;
    const ageSeconds = Math.max(manager.status().leaseAgeSeconds, apiTokens.status().ageSeconds);
    if (ageSeconds < manager.ring().policy.refreshSeconds / READS_PER_PERIOD) return;
    this.#rereading ??= this.#readAll(serving).finally(() => {
      this.#rereading = null;
    });
    const rereading = this.#rereading;
    await withinSeconds(REREAD_SECONDS_MAX, () => rereading).catch(nothing);
  }

  async #readAll(serving: ServedRing): Promise<void> {
    const { generation } = serving.manager.ring();
    // Failures have been told by who read.
    await super.reread(serving).catch(nothing);
    // What was committed elsewhere changes what is due.
    if (serving.manager.ring().generation !== generation) await this.#wakeIn(AFTER_COMMIT_SECONDS);
  }

  #placeOf(place: Place): RememberedStore {
    const known = this.#places.get(place);
    if (known !== undefined) return known;
    const config = this.config();
    const { secretId, apiTokensSecretId, writesEverySeconds } = config;
    const id = place === "ring" ? secretId : apiTokensSecretId;
    const store = secretsManagerStore({
      secretId: id,
      ...awsOptionsFor(id, config),
      credentials: credentialsOf(this.env),
    });
    const guarded = guardedStore(bearing(store, writesEverySeconds), clock);
    const wakeIn = async (seconds: number) => (place === "ring" ? this.#wakeIn(seconds) : undefined);
    const remembered = rememberedStore(guarded, clock, {
      // One that AWS refuses is tried again no sooner than any step that is blocked.
      before: () => wakeIn(RETRY_SECONDS),
      made: () => wakeIn(AFTER_COMMIT_SECONDS),
    });
    this.#places.set(place, remembered);
    return remembered;
  }

  /** A commit does not fail for want of an alarm: every event that reaches the object sets one where there is none. */
  async #wakeIn(seconds: number): Promise<void> {
    await this.ctx.storage.setAlarm((clock.now() + seconds) * 1000).catch(nothing);
  }
}

function kekSourceOf(environment: AwsEnvironment, config: EdgeConfig & SecretConfig): KekSource {
  const { kekSecretId, kmsKeyId } = config;
  const isInSecret = kekSecretId !== null && environment.KEYTURN_KEK === undefined;
  // With a KEK that is bound, AWS need not be asked for it, nor know anybody.
  const credentials = isInSecret || kmsKeyId !== null ? credentialsOf(environment) : undefined;
  const place = isInSecret ? secretPlace(kekSecretId, config, credentials) : boundKek(environment);
  const previous = () => secretIn(environment, "KEYTURN_PREVIOUS_KEK");
  return kekIn(withPrevious(place, previous), config, credentials);
}

/** The first KEK is made with the first ring, where it is kept in a secret. A ring without its KEK gets no new one. */
async function readOrMade(source: KekSource, ring: () => Promise<Stored | null>): Promise<KekTexts | null> {
  const texts = await source.read();
  if (texts !== null || source.create === undefined) return texts;
  if ((await ring()) !== null)
    throw new KeyturnError("kek_missing", `There is no key-encryption key in ${source.description}.`, {
      fix: "Put the KEK of this ring there. Without it the ring cannot be opened; a new one does not help.",
    });
  await source.create();
  return source.read();
}

/** Isolates come before the object at a first boot: what is missing then, it makes. */
function kekForIsolates(environment: AwsEnvironment): KekSource {
  const config = secretConfigOf(environment);
  const source = kekSourceOf(environment, config);
  return {
    ...source,
    async read() {
      const texts = await source.read();
      if (texts !== null || source.create === undefined) return texts;
      // What keeps it from that is what is wrong, not that there is no KEK.
      told(await environment.KEY_RING.getByName(config.ring).load("ring"));
      return source.read();
    },
  };
}

function nothing(): void {}

const worker: Worker = createWorker({
  deployment: { configOf: secretConfigOf, kekSource: kekForIsolates },
});
export default worker;
