/** A whole node: manager, API tokens, schedule, HTTP servers, audit sinks, metrics, log. */
import type { RequestListener } from "node:http";
import { isKeyturnError, KeyturnError } from "../errors.ts";
import { createAdminApp, isAdminPath } from "../http/admin/index.ts";
import { authenticator } from "../http/api-token.ts";
import { createApp } from "../http/app.ts";
import { jwksAnswers } from "../http/jwks.ts";
import { watchedAnswers } from "../http/jwks-watch.ts";
import { probeOf, publicJwksUrl } from "../http/public-jwks.ts";
import type { KeyManager } from "../manager/manager.ts";
import { flagName } from "../setting-text.ts";
import { fileSystemWarning } from "../store/file.ts";
import type { KeyturnEvent } from "../telemetry/events.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { type AdminServer, byCaller, startAdminServer } from "./admin-listener.ts";
import { logSource } from "./audit/log-source.ts";
import { type Config, ringFolder } from "./config.ts";
import { createLog, logEvents } from "./log.ts";
import { defaultIssuer } from "./node-settings.ts";
import { openConfigured } from "./open.ts";
import { publicationWatch } from "./publication.ts";
import { startSchedule } from "./schedule.ts";
import { readApiToken } from "./secrets.ts";
import { appListener, close, createHttpServer, listen, listenerOf } from "./server.ts";
import { stepsNow, stepsSwitch } from "./steps-switch.ts";

export interface ServeOptions {
  readonly config: Config;
  /** Whether to make what is missing: folder, KEK, API token, ring. Default false. */
  readonly init?: boolean;
  /** Reads the configuration again, for the one setting that may change while the node runs: `steps`. Default: it stays. */
  readonly reread?: () => Promise<Config>;
  /** Where secrets may stand; those taken are deleted from it. Default: none. */
  readonly environment?: Record<string, string | undefined>;
}

export interface RunningNode {
  readonly manager: KeyManager;
  /** Where this node answers, e.g. `http://127.0.0.1:3000`. */
  readonly url: string;
  /** Where the admin API answers; null: nowhere. */
  readonly adminUrl: string | null;
  /** Secret files that were made because there were none. */
  readonly created: readonly string[];
  /** Finishes what is under way and stops. No commit is left half done. */
  stop(): Promise<void>;
}

/** How long requests under way may take after a stop was asked for. */
const STOP_GRACE_MILLISECONDS = 10_000;

/**
 * Starts a node.
 *
 * @throws KeyturnError as `createKeyManager`; `config_invalid` when the address cannot be listened on.
 */
export async function serve(options: ServeOptions): Promise<RunningNode> {
  const { config, init = false, environment = {}, reread } = options;
  const log = createLog(config.logLevel);
  const metrics = createMetrics();
  const logged = logEvents(log);
  const onEvent = (event: KeyturnEvent) => {
    logged(event);
    metrics.onEvent(event);
  };
  const { server, serve: ready } = createHttpServer();
  const port = await listen(server, config.listen).catch((cause: NodeJS.ErrnoException) => {
    throw notListening("listen", config.listen, cause);
  });
  let adminServer: AdminServer | null = null;
  try {
    // Before anything is made: whoever named an address wrongly is told so, and finds nothing done.
    const isShared = config.adminListen === "same";
    if (!isShared && config.adminListen !== "off")
      adminServer = await startAdminServer(config.adminListen).catch((cause) => {
        throw notListening("adminListen", config.adminListen, cause);
      });
    const url = `http://${config.listen.replace(/:\d+$/, `:${port}`)}`;
    const located = config.issuer === defaultIssuer(config.listen) ? { ...config, issuer: url } : config;
    const stepsOn = stepsSwitch(config, reread, (error) => onEvent({ type: "config_failed", error }));
    const apiToken = await readApiToken(config, { ...environment });
    const opened = await openConfigured(located, {
      create: init,
      runs: "node",
      environment,
      onEvent,
      stepsOn,
    });
    delete environment["KEYTURN_API_TOKEN"];
    const { manager, trail, created } = opened;
    const apiTokens = await opened.apiTokens();

    const answers = watchedAnswers(jwksAnswers(manager), metrics.onEvent);
    const authenticate = await authenticator(apiTokens, { apiToken });
    const app = createApp({
      ...{ manager, authenticate, apiTokens, answers },
      jwksUrl: publicJwksUrl(located),
      onEvent: opened.onEvent,
    });
    const scrape = () => {
      metrics.observe(manager.status(), trail.standing(manager.ring()), apiTokens.status());
      return metrics.registry;
    };
    const adminApp = createAdminApp({
      ...{ manager, authenticate, apiTokens, onEvent: opened.onEvent },
      metrics: { scrape, toEveryone: !isShared },
      ...(config.auditLog === "stdout" ? {} : { audit: logSource(config.auditLog) }),
    });
    const admin = appListener(adminApp);
    const publicly = listenerOf(app, answers);
    adminServer?.serve(admin);
    ready(isShared ? byCaller(config.listen, publicly, beside(publicly, admin)) : publicly);

    const writesUnasked = stepsNow(config, reread);
    const flush = async () => {
      if (await writesUnasked()) await apiTokens.flush();
    };
    const watch = config.probe ? publicationWatch({ manager, probe: probeOf(located), onEvent }) : null;
    const schedule = startSchedule(manager, config.tickSchedule, onEvent, {
      tick: async () => {
        trail.catchUp(manager.ring());
        await Promise.all([flush(), watch?.()]);
      },
      refresh: () => apiTokens.refresh(),
    });
    for (const warning of await warningsOf(config, manager)) log.warn(warning);
    log.info({ url, ring: manager.ring().id, generation: manager.ring().generation }, "serving");

    return {
      manager,
      url,
      adminUrl: isShared ? url : (adminServer?.url ?? null),
      created,
      async stop() {
        const closed = [close(server, STOP_GRACE_MILLISECONDS), adminServer?.stop(STOP_GRACE_MILLISECONDS)];
        await Promise.all([schedule.stop(), ...closed]);
        await Promise.all([flush(), trail.stop()]);
        log.info("stopped");
      },
    };
  } catch (error) {
    server.close();
    await adminServer?.stop(0);
    throw error;
  }
}

/** The admin API beside what the public is served. */
function beside(publicly: RequestListener, admin: RequestListener): RequestListener {
  return (request, response) => {
    const [path = ""] = (request.url ?? "").split("?");
    return (isAdminPath(path) ? admin : publicly)(request, response);
  };
}

async function warningsOf(config: Config, manager: KeyManager): Promise<string[]> {
  const fileSystem = config.store === "file" ? await fileSystemWarning(ringFolder(config)) : null;
  return [
    ...(fileSystem === null ? [] : [fileSystem]),
    ...(process.getuid?.() === 0 ? ["running as root: a user of its own would be safer"] : []),
    ...(manager.status().policyMatches
      ? []
      : ["this node's policy is not the ring's: it signs, but makes no step"]),
  ];
}

function notListening(
  setting: "listen" | "adminListen",
  address: string,
  cause: NodeJS.ErrnoException | KeyturnError,
): KeyturnError {
  if (isKeyturnError(cause)) return cause;
  const why =
    cause.code === "EADDRINUSE" ? "another process listens there" : (cause.code ?? "the system refused");
  return new KeyturnError("config_invalid", `The server cannot listen on ${address}: ${why}.`, {
    fix: `Choose another address, like ${flagName(setting)} 127.0.0.1:3001, or stop the other process.`,
    problems: [{ code: "listen_refused", at: setting, message: why }],
    cause,
  });
}
