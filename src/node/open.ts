/** From a configuration to a manager and its API tokens: stores, secrets, audit sinks, the probe. */
import { type ApiTokens, createApiTokens } from "../api-tokens/api-tokens.ts";
import { systemClock } from "../clock.ts";
import { probeOf } from "../http/public-jwks.ts";
import { createKeyManager, type KeyManager } from "../manager/manager.ts";
import { makeFolder } from "../store/file-access.ts";
import { guardedStore } from "../store/guarded.ts";
import { ringMissing } from "../store/store.ts";
import type { KeyturnEvent, OnEvent } from "../telemetry/events.ts";
import { watchedStore } from "../telemetry/store-watch.ts";
import { createFirstToken } from "./api-tokens.ts";
import { openTrail } from "./audit/open-trail.ts";
import { auditPositionFile } from "./audit/position.ts";
import type { AuditTrail } from "./audit/trail.ts";
import type { Config } from "./config.ts";
import { createKek, parseKeks, readAuditToken, readKeks } from "./secrets.ts";
import { type Kept, storeOf } from "./store.ts";

export interface OpenedRing {
  readonly manager: KeyManager;
  /**
   * Opens the book of API tokens; few commands need it, and none of the others must fail with it. Nor must
   * a node that serves the JWKS: where it cannot be read, callers are told so until it can.
   */
  apiTokens(): Promise<ApiTokens>;
  readonly trail: AuditTrail;
  /** Tells everybody who listens; for what happens beside the manager. */
  readonly onEvent: OnEvent;
  /** Secret files that were made because there were none. */
  readonly created: readonly string[];
  /** Whether the ring was made because there was none. */
  readonly ringCreated: boolean;
}

export interface OpenOptions {
  /** Whether to make what is missing: folder, KEK, ring, first API token. */
  readonly create: boolean;
  /** A node that serves, or a command, whose result has stdout for itself. */
  readonly runs: "node" | "command";
  readonly environment: Record<string, string | undefined>;
  readonly onEvent: OnEvent;
  /** Asked before a due step. Default: always true. */
  readonly stepsOn?: () => Promise<boolean>;
}

/** @throws KeyturnError as `createKeyManager` and `createApiTokens`, and what reading files can throw. */
export async function openConfigured(config: Config, options: OpenOptions): Promise<OpenedRing> {
  const { environment } = options;
  const guarded = (which: Kept) =>
    watchedStore(guardedStore(storeOf(config, which), systemClock), systemClock, options.onEvent);
  const store = guarded("ring");
  // A ring without its KEK must not get a new one: nothing is made where a ring is.
  const missing = (await store.load()) === null;
  if (missing && !options.create) throw ringMissing(store);
  if (missing) await makeFolder(config.folder);
  const created = missing ? await createKek(config, environment) : [];
  const texts = await readKeks(config, environment);
  const keks = await parseKeks(texts);
  const trail = await trailOf(config, options, missing);
  const anchor = trail.anchor();
  let ringCreated = false;

  function onEvent(event: KeyturnEvent): void {
    options.onEvent(event);
    trail.onEvent(event);
    if (event.type !== "ring_advanced") return;
    ringCreated ||= event.own && event.records.some(({ generation }) => generation === 1);
  }

  const manager = await createKeyManager({
    store,
    kek: texts.kek,
    ...(texts.previousKek === null ? {} : { previousKek: texts.previousKek }),
    issuer: config.issuer,
    policy: config.policy,
    tokenTyp: config.tokenTyp,
    createIfMissing: missing,
    ...(config.probe ? { probe: probeOf(config) } : {}),
    ...(options.stepsOn === undefined ? {} : { stepsOn: options.stepsOn }),
    ...(anchor === null ? {} : { anchor }),
    auditRoom: trail.room,
    onEvent,
  });
  const apiTokens = () =>
    createApiTokens({
      store: guarded("api-tokens"),
      ring: manager.ring().id,
      keks,
      mustRead: options.runs === "command",
      leaseSeconds: config.leaseSeconds,
      onEvent,
    });
  const first = options.create ? await createFirstToken(config, apiTokens, environment) : [];
  return { manager, apiTokens, trail, onEvent, created: [...created, ...first], ringCreated };
}

async function trailOf(
  config: Config,
  { runs, environment, onEvent }: OpenOptions,
  beforeRing: boolean,
): Promise<AuditTrail> {
  const { auditLog, auditUrl } = config;
  const positionFile = auditPositionFile(config);
  const first = readAuditToken(config, environment);
  first.catch(() => undefined);
  // Whoever needs it is told why it cannot be read, and may ask again: somebody may have mended it.
  const auditToken = () => first.catch(() => readAuditToken(config, environment));
  const settings = { auditLog, auditUrl, auditToken, positionFile };
  return openTrail({ ...settings, runs, beforeRing, clock: systemClock, onEvent });
}
