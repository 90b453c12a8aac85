/**
 * The Worker: the same app as on Node, in as many isolates as there is need for. The JWKS comes from the data
 * centre's cache, tokens are signed by a leased copy of the ring, and what changes something goes to the ring's
 * object. ARCHITECTURE.md tells why signing is here and not there, with figures.
 */
import type { Caller } from "../api-tokens/caller.ts";
import { type Clock, systemClock } from "../clock.ts";
import { withinSeconds } from "../deadline.ts";
import { KeyturnError } from "../errors.ts";
import { type EdgeBound, isAdminPath } from "../http/admin/index.ts";
import { isOwnApiTokenPath } from "../http/api-token-operations.ts";
import { JWKS_PATH } from "../http/jwks.ts";
import { problemResponse } from "../http/problem.ts";
import { isSignPath } from "../http/sign.ts";
import { told } from "./answer.ts";
import { BOUND, type Deployment, type Isolate, isolateIn, objectOf } from "./isolate.ts";
import type { EdgeCache, Environment, RequestContext } from "./platform.ts";
import { elsewhereUntil, isRevoke, withEdgeBound } from "./revoked-at-edge.ts";
import { type Telemetry, telemetryOf } from "./telemetry.ts";

export { KeyRingObject } from "./key-ring-object.ts";

export interface Worker {
  fetch(request: Request, environment: Environment, context: RequestContext): Promise<Response>;
  /** What a Cron Trigger calls: the second heartbeat, should the object's own alarm be lost. */
  scheduled(controller: unknown, environment: Environment): Promise<void>;
}

export interface WorkerOptions {
  /** Default: the runtime's clocks. */
  readonly clock?: Clock;
  /** Where the JWKS is cached. Default: `caches.default`, the cache of the data centre. */
  readonly cache?: EdgeCache;
  /** Where ring and KEK are. Default: both with Cloudflare. */
  readonly deployment?: Deployment;
}

/**
 * A Worker of your own may call it, beside what else it does. What it keeps in memory is its own, and of one
 * deployment: hand it the environment that the runtime has given, not a copy, by which it knows the deployment.
 */
export function createWorker(options: WorkerOptions = {}): Worker {
  const { clock = systemClock, deployment = BOUND } = options;
  // The platform may go on with an isolate in the next deployment, with other secrets and settings.
  const isolates = new WeakMap<Environment, Isolate>();
  const unsettled = new WeakMap<Environment, Telemetry>();

  /** @throws KeyturnError `config_invalid`, each time anew until the deployment is another */
  function standing(environment: Environment): Isolate {
    return keptFor(isolates, environment, () => isolateIn(environment, { ...options, clock, deployment }));
  }

  function telemetryIn(environment: Environment): Telemetry {
    const settled = isolates.get(environment)?.telemetry;
    const telemetry = () => telemetryOf(environment, { logLevel: "info", ring: "" }, clock);
    return settled ?? keptFor(unsettled, environment, telemetry);
  }

  return {
    async fetch(request, environment, context) {
      const flush = () => telemetryIn(environment).flush();
      // What is counted in the background has no later request to be written with.
      const later: RequestContext = { waitUntil: (work) => context.waitUntil(work.finally(flush)) };
      try {
        return await answer(request, { environment, context: later, isolate: standing(environment) });
      } catch (error) {
        telemetryIn(environment).onFailure(error);
        return problemResponse(error);
      } finally {
        flush();
      }
    },
    async scheduled(_controller, environment) {
      try {
        told(await objectOf(environment, standing(environment).config).tick());
      } catch (error) {
        // Thrown on, so that the platform counts it as failed.
        telemetryIn(environment).onEvent({ type: "tick_failed", error });
        throw error;
      } finally {
        telemetryIn(environment).flush();
      }
    },
  };
}

interface Asked {
  readonly environment: Environment;
  readonly context: RequestContext;
  readonly isolate: Isolate;
}

async function answer(request: Request, asked: Asked): Promise<Response> {
  const { context, environment, isolate } = asked;
  const path = pathOf(request);
  if (path === JWKS_PATH && ["GET", "HEAD"].includes(request.method)) return jwks(request, asked);
  if (isCommand(path, environment)) return command(request, path, asked);
  const copy = await isolate.copies.get();
  await copy.keepFresh(context);
  if (!isSignPath(path)) return copy.app.fetch(request);
  const standing = await isolate.gate.standingOf(request, copy.recognize);
  return standing === "unknown" ? sentOn(request, asked) : copy.app.fetch(request);
}

/** As routes match it. */
function pathOf({ url }: Request): string {
  const { pathname } = new URL(url);
  try {
    return decodeURI(pathname);
  } catch {
    return pathname;
  }
}

/** Where there is no admin API, nobody reaches the object by its paths. */
function isCommand(path: string, { KEYTURN_ADMIN_TOKEN }: Environment): boolean {
  return isOwnApiTokenPath(path) || (KEYTURN_ADMIN_TOKEN !== undefined && isAdminPath(path));
}

/** A copy that is younger is not read anew for a JWKS: max-age leaves room for far more than that. */
const ANEW_AFTER_SECONDS = 1;

/** Verifiers give a fetch of the JWKS 5 s and more, so what is there is shown before that. */
const ANEW_SECONDS_MAX = 2;

async function jwks(request: Request, { context, isolate }: Asked): Promise<Response> {
  const { cache, copies, telemetry } = isolate;
  const there = copies.current();
  const seen = there?.manager.ring().generation ?? 0;
  const kept = await cache.answer(request, seen).catch(() => null);
  if (kept !== null) {
    telemetry.onEvent({ type: "jwks_answered", status: kept.status });
    return kept;
  }
  // Where the object cannot be read, the max-age of what is there shrinks.
  if (there !== null && there.manager.status().leaseAgeSeconds >= ANEW_AFTER_SECONDS)
    await withinSeconds(ANEW_SECONDS_MAX, there.readRing).catch(nothing);
  // One that is made now is new.
  const copy = await copies.get();
  context.waitUntil(cache.keep(copy).catch(nothing));
  return copy.app.fetch(request);
}

/** What changes something is the object's to do. */
async function command(request: Request, path: string, asked: Asked): Promise<Response> {
  const { gate } = asked.isolate;
  const standing = await gate.standingOf(request, (presented) => recognized(presented, asked));
  if (standing === "nobody") return gate.refuse(path);
  const isOfRing = request.method === "POST" && /^\/v1\/(ring|keys)\//.test(path);
  if (!isOfRing) return sentOn(request, asked);
  // Where it failed, it may have been done all the same. But anybody can have one fail, and empty the cache by it.
  const mayBeDone = standing === "known";
  const response = await sentOn(request, asked).catch(async (error: unknown) => {
    if (mayBeDone) await showAnew(asked.isolate);
    throw error;
  });
  if (!response.ok && !(mayBeDone && response.status >= 500)) return response;
  const edge = await showAnew(asked.isolate);
  return response.ok && isRevoke(path) ? withEdgeBound(response, edge) : response;
}

/** Who presents a token in the secrets is known also where no copy of the ring can be had. */
async function recognized(presented: string, { context, isolate }: Asked): Promise<Caller | null> {
  const given = await isolate.recognizeGiven(presented);
  if (given !== null) return given;
  const copy = await isolate.copies.get();
  await copy.keepFresh(context);
  return copy.recognize(presented);
}

/** What is shown from now on, here and by the cache beside it, is the ring as it stands now. */
async function showAnew({ cache, clock, config, copies }: Isolate): Promise<EdgeBound> {
  const there = copies.current();
  // First, so that nothing older is put into the cache once that is empty.
  if (there !== null) await withinSeconds(ANEW_SECONDS_MAX, there.readRing).catch(nothing);
  const ring = await withinSeconds(ANEW_SECONDS_MAX, copies.get).then(
    ({ manager }) => manager.ring(),
    () => ({ policy: config.policy, jwksHeldUntil: 0 }),
  );
  const purged = await cache.purge().then(
    () => true,
    () => false,
  );
  return { purged, elsewhereUntil: elsewhereUntil(ring, clock.now()) };
}

async function sentOn(request: Request, { environment, isolate }: Asked): Promise<Response> {
  try {
    return await objectOf(environment, isolate.config).fetch(request);
  } catch (cause) {
    throw new KeyturnError("store_unavailable", "The object of the ring did not answer.", {
      fix: "Ask again: it may be moving. Whether it has done what it was asked, GET /v1/ring tells.",
      cause,
    });
  }
}

function keptFor<T>(made: WeakMap<Environment, T>, environment: Environment, make: () => T): T {
  const there = made.get(environment) ?? make();
  made.set(environment, there);
  return there;
}

function nothing(): void {}

const worker: Worker = createWorker();
export default worker;
