/** A whole node: manager, schedule, HTTP server, log. */
import { KeyturnError } from "../errors.ts";
import { apiTokenCheck } from "../http/api-token.ts";
import { createApp } from "../http/app.ts";
import { jwksAnswers } from "../http/jwks.ts";
import type { KeyManager } from "../manager/manager.ts";
import { fileSystemWarning } from "../store/file.ts";
import { type Config, ringFolder } from "./config.ts";
import { createLog, logEvents } from "./log.ts";
import { defaultIssuer } from "./node-settings.ts";
import { openConfigured } from "./open.ts";
import { publicJwksUrl } from "./probe.ts";
import { startSchedule } from "./schedule.ts";
import { readApiToken } from "./secrets.ts";
import { close, createHttpServer, listen, listenerOf } from "./server.ts";

export interface ServeOptions {
  readonly config: Config;
  /** Whether to make what is missing: folder, KEK, API token, ring. Default false. */
  readonly init?: boolean;
  /** Where secrets may stand; those taken are deleted from it. Default: none. */
  readonly environment?: Record<string, string | undefined>;
}

export interface RunningNode {
  readonly manager: KeyManager;
  /** Where this node answers, e.g. `http://127.0.0.1:3000`. */
  readonly url: string;
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
export async function serve({ config, init = false, environment = {} }: ServeOptions): Promise<RunningNode> {
  const log = createLog(config.logLevel);
  const onEvent = logEvents(log);
  const { server, serve: ready } = createHttpServer();
  const port = await listen(server, config.listen).catch((cause: NodeJS.ErrnoException) => {
    throw notListening(config.listen, cause);
  });
  try {
    const url = `http://${config.listen.replace(/:\d+$/, `:${port}`)}`;
    const located = config.issuer === defaultIssuer(config.listen) ? { ...config, issuer: url } : config;
    const { manager, audited, created } = await openConfigured(located, {
      create: init,
      stdout: "audit",
      environment,
      onEvent,
    });
    const answers = jwksAnswers(manager);
    const apiToken = await apiTokenCheck(await readApiToken(config, environment));
    const app = createApp({ manager, apiToken, jwksUrl: publicJwksUrl(located), onEvent, answers });
    const schedule = startSchedule(manager, config.tickSchedule, onEvent);
    ready(listenerOf(app, answers));

    const warning = await fileSystemWarning(ringFolder(config));
    if (warning !== null) log.warn(warning);
    if (process.getuid?.() === 0) log.warn("running as root: a user of its own would be safer");
    if (!manager.status().policyMatches)
      log.warn("this node's policy is not the ring's: it signs, but makes no step");
    log.info({ url, ring: manager.ring().id, generation: manager.ring().generation }, "serving");

    return {
      manager,
      url,
      created,
      async stop() {
        await Promise.all([schedule.stop(), close(server, STOP_GRACE_MILLISECONDS)]);
        await audited();
        log.info("stopped");
      },
    };
  } catch (error) {
    server.close();
    throw error;
  }
}

function notListening(address: string, cause: NodeJS.ErrnoException): KeyturnError {
  const why =
    cause.code === "EADDRINUSE" ? "another process listens there" : (cause.code ?? "the system refused");
  return new KeyturnError("config_invalid", `The server cannot listen on ${address}: ${why}.`, {
    fix: "Choose another address with --listen, like 127.0.0.1:3001, or stop the other process.",
    problems: [{ code: "listen_refused", at: "listen", message: why }],
    cause,
  });
}
