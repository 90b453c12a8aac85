/** What a Durable Object does for its ring: manager, API tokens, and the apps over them, in one place that writes. */
import { type ApiTokens, createApiTokens } from "../api-tokens/api-tokens.ts";
import type { Caller } from "../api-tokens/caller.ts";
import type { Clock } from "../clock.ts";
import { createAdminApp, isAdminPath } from "../http/admin/index.ts";
import { authenticator } from "../http/api-token.ts";
import { createApp } from "../http/app.ts";
import type { KeptAnswers } from "../http/idempotency.ts";
import { probeOf, publicJwksUrl } from "../http/public-jwks.ts";
import type { KekSource } from "../kek/source.ts";
import { parseKek } from "../keys/kek.ts";
import { createKeyManager, type KeyManager } from "../manager/manager.ts";
import type { TickResult } from "../manager/tick.ts";
import type { RingStore } from "../store/store.ts";
import type { OnEvent } from "../telemetry/events.ts";
import type { AuditHistory } from "./audit-history.ts";
import type { KekHold } from "./kek-hold.ts";
import type { Environment } from "./platform.ts";
import { readKeks, secretIn } from "./secrets.ts";
import type { EdgeConfig } from "./settings.ts";

export interface ServedRing {
  readonly manager: KeyManager;
  readonly apiTokens: ApiTokens;
  /** One look for a due step, and what else is to be written. */
  tick(): Promise<TickResult>;
  fetch(request: Request): Promise<Response>;
}

export interface ServedRingOptions {
  readonly environment: Environment;
  readonly config: EdgeConfig;
  readonly kekSource: KekSource;
  readonly stores: { readonly ring: RingStore; readonly apiTokens: RingStore };
  /** Whether others write there too: then somebody can call for a rewrap, and a look may find what they wrote. */
  readonly isShared: boolean;
  readonly kekHold: KekHold;
  readonly audit: AuditHistory;
  readonly answers: KeptAnswers;
  readonly clock: Clock;
  readonly onEvent: OnEvent;
}

/**
 * Opens the ring, or makes it.
 *
 * @throws KeyturnError as `createKeyManager`; `kek_missing`, `api_token_invalid`
 */
export async function serveRing(options: ServedRingOptions): Promise<ServedRing> {
  const { environment, config, stores, isShared, kekHold, audit, answers, clock, onEvent } = options;
  const keks = await readKeks(options.kekSource);
  const apiToken = await secretIn(environment, "KEYTURN_API_TOKEN");
  const adminToken = await secretIn(environment, "KEYTURN_ADMIN_TOKEN");
  const { issuer, policy, tokenTyp } = config;
  const anchor = audit.newest();
  const manager = await createKeyManager({
    ...{ ...keks, issuer, policy, tokenTyp, clock, onEvent },
    ...(anchor === undefined ? {} : { anchor }),
    store: stores.ring,
    stepsOn: async () => config.steps === "on",
    ...(config.probe ? { probe: probeOf({ ...config, fetchSeconds: policy.fetchSeconds }) } : {}),
  });
  const kek = await parseKek(keks.kek);
  const previous = keks.previousKek === undefined ? [] : [await parseKek(keks.previousKek)];
  const apiTokens = await createApiTokens({
    ...{ clock, onEvent },
    store: stores.apiTokens,
    ring: manager.ring().id,
    keks: [kek, ...previous],
    mustRead: false,
    leaseSeconds: policy.leaseSeconds,
  });
  const judge = isShared ? apiTokens : { authenticate: recognizeOrLook };
  const authenticate = await authenticator(judge, { apiToken, adminToken });
  const jwksUrl = publicJwksUrl(config);
  const app = createApp({ manager, authenticate, apiTokens, jwksUrl, onEvent });
  const admin =
    adminToken === null
      ? null
      : createAdminApp({ manager, authenticate, apiTokens, audit, answers, onEvent });

  return {
    manager,
    apiTokens,
    async tick() {
      const result = await manager.tick();
      await turnKekOver();
      await apiTokens.flush();
      return result;
    },
    async fetch(request) {
      const answering = admin !== null && isAdminPath(new URL(request.url).pathname) ? admin : app;
      return answering.fetch(request);
    },
  };

  /** The book has just been read, with the event that brought the caller: a look would find nothing else. */
  async function recognizeOrLook(presented: string): Promise<Caller | null> {
    return apiTokens.status().canAuthenticate
      ? apiTokens.recognize(presented)
      : apiTokens.authenticate(presented);
  }

  /** Nobody can call for it here: a KEK that has been the preferred one for its hold is the order. Holds up no step. */
  async function turnKekOver(): Promise<void> {
    if (isShared) return;
    try {
      if (!kekHold.isOver(kek.id, clock.now()) || config.steps === "off") return;
      if (manager.status().kek !== kek.id) await manager.rewrap({ actor: "schedule" });
    } catch (error) {
      return onEvent({ type: "tick_failed", error });
    }
    // Asked each time, since ring and book are moved by two commits.
    await apiTokens.rewrap().catch((error: unknown) => onEvent({ type: "api_tokens_failed", error }));
  }
}
