/** What an isolate keeps between requests, for as long as its deployment. */
import type { Authenticate } from "../api-tokens/caller.ts";
import type { Clock } from "../clock.ts";
import { KeyturnError } from "../errors.ts";
import { authenticator } from "../http/api-token.ts";
import { publicJwksUrl } from "../http/public-jwks.ts";
import type { KekSource } from "../kek/source.ts";
import type { OnEvent } from "../telemetry/events.ts";
import { type Gate, gate } from "./gate.ts";
import { type JwksCache, jwksCache } from "./jwks-cache.ts";
import { type LeasedCopy, leaseCopy } from "./leased-copy.ts";
import { type MadeOfSecrets, madeOfSecrets } from "./made-of-secrets.ts";
import { oncePerOutage } from "./outage.ts";
import type { EdgeCache, Environment, KeyRingStub } from "./platform.ts";
import { boundKek, hasBoundSecret, secretIn } from "./secrets.ts";
import { configOf, type EdgeConfig } from "./settings.ts";
import { type Telemetry, telemetryOf } from "./telemetry.ts";

export interface Isolate {
  readonly config: EdgeConfig;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly cache: JwksCache;
  readonly gate: Gate;
  /** Copies of the ring, of which the newest counts. */
  readonly copies: MadeOfSecrets<LeasedCopy>;
  /** Who presents a token that stands in the secrets. Needs no copy. @throws KeyturnError `api_token_invalid` */
  readonly recognizeGiven: Authenticate;
}

interface IsolateOptions {
  readonly clock: Clock;
  readonly cache?: EdgeCache;
  readonly deployment: Deployment;
}

/** What a kind of deployment has of its own. */
export interface Deployment {
  /** @throws KeyturnError `config_invalid` */
  configOf(environment: Environment): EdgeConfig;
  /** Where isolates find the KEK. */
  kekSource(environment: Environment): KekSource;
}

/** Ring and KEK are with Cloudflare. */
export const BOUND: Deployment = { configOf, kekSource: boundKek };

/** @throws KeyturnError `config_invalid` */
export function isolateIn(environment: Environment, options: IsolateOptions): Isolate {
  const { clock, cache, deployment } = options;
  const config = deployment.configOf(environment);
  assertBound(environment);
  const telemetry = telemetryOf(environment, config, clock);
  const { leaseSeconds } = config.policy;
  const given = givenCallers(environment, clock, leaseSeconds);
  const recognizeGiven: Authenticate = async (presented) => (await given.get())(presented);
  const onEvent = oncePerOutage(unlessRead(telemetry.onEvent));
  const copyOptions = { environment, config, clock, recognizeGiven, onEvent };
  return {
    ...{ config, clock, telemetry, recognizeGiven },
    gate: gate(clock, telemetry.onEvent),
    cache: jwksCache(cache ?? cacheOfDataCentre(), publicJwksUrl(config), clock),
    copies: madeOfSecrets({
      ...{ clock, leaseSeconds, isBound: hasBoundSecret(environment) },
      isSpent: (copy) => copy.needsOtherKek(),
      orderOf: (copy) => copy.manager.ring().generation,
      async make(there) {
        const copy = await leaseCopy({ ...copyOptions, kekSource: deployment.kekSource(environment) });
        await there?.tellUses();
        return copy;
      },
    }),
  };
}

/** Read when a caller is first asked for: the JWKS and all that is open to everybody do without. */
function givenCallers(
  environment: Environment,
  clock: Clock,
  leaseSeconds: number,
): MadeOfSecrets<Authenticate> {
  return madeOfSecrets({
    ...{ clock, leaseSeconds, isBound: hasBoundSecret(environment) },
    async make() {
      const apiToken = await secretIn(environment, "KEYTURN_API_TOKEN");
      const adminToken = await secretIn(environment, "KEYTURN_ADMIN_TOKEN");
      return authenticator({ authenticate: async () => null }, { apiToken, adminToken });
    },
  });
}

/** The object is of the request that asks for it, and so asked for each time. */
export function objectOf({ KEY_RING }: Environment, { ring }: EdgeConfig): KeyRingStub {
  return KEY_RING.getByName(ring);
}

/** What became of the ring is told by its object; that each of many isolates has read it is nothing new. */
function unlessRead(onEvent: OnEvent): OnEvent {
  return (event) => {
    if (event.type !== "ring_advanced") onEvent(event);
  };
}

function cacheOfDataCentre(): EdgeCache {
  return (caches as unknown as { readonly default: EdgeCache }).default;
}

function assertBound({ KEY_RING }: Partial<Environment>): void {
  if (KEY_RING !== undefined) return;
  throw new KeyturnError("config_invalid", "There is no binding KEY_RING to the objects of rings.", {
    fix: "Bind the class KeyRingObject as KEY_RING, as wrangler.toml of keyturn does, and deploy again.",
    problems: [{ code: "binding_missing", at: "KEY_RING", message: "Expected a Durable Object namespace." }],
  });
}
