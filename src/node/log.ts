/** JSON lines on stderr, one per thing that happened. Events hold no secret, so neither does the log. */
import pino, { type Logger } from "pino";
import { isKeyturnError } from "../errors.ts";
import type { OnEvent } from "../telemetry/events.ts";

export type { Logger };

export function createLog(level: string): Logger {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ fd: 2, sync: true }),
  );
}

export function logEvents(log: Logger): OnEvent {
  return (event) => {
    switch (event.type) {
      case "ring_advanced":
        for (const {
          event: step,
          generation,
          oldKid,
          newKid,
          trigger,
          actor,
          reason,
          earlyEmit,
        } of event.records) {
          const fields = { step, generation, oldKid, newKid, trigger, actor, reason, own: event.own };
          if (earlyEmit === true)
            log.warn({ ...fields, earlyEmit }, "a key emits before its hold has passed");
          else log.info(fields, "ring advanced");
        }
        return;
      case "token_signed":
        // Metrics count them; a line for each costs more than its signature.
        return log.debug({ kid: event.kid }, "token signed");
      case "token_refused":
        return log.warn({ kid: event.kid, code: event.code }, "token refused");
      case "request_denied": {
        const { action, caller, code, path } = event;
        return log.warn({ action, caller, code, path }, "a request was denied");
      }
      case "step_blocked":
        return log.warn({ because: event.because }, "a due step was not taken");
      case "conflict":
        return log.debug("another node committed first");
      case "commit_reconciled":
        return log.warn(
          { committed: event.committed },
          "the outcome of a commit was in doubt and has been found",
        );
      case "store_failed":
        return log.error(errorFields(event.error), "the ring could not be read");
      case "store_recovered":
        return log.info("the ring can be read again");
      case "publication_seen":
        if (event.missingSince !== null)
          log.warn(
            { since: event.missingSince },
            "the public JWKS URL does not show every key that it should",
          );
        return;
      case "audit_failed":
        return log.error(
          errorFields(event.error),
          "audit records could not be appended; they stay in the ring's tail",
        );
      case "tick_failed":
        return log.error(errorFields(event.error), "a tick failed");
      case "api_token_changed": {
        const { event: change, id, name, role, successor, by, reason } = event;
        return log.info({ change, id, name, role, successor, by, reason }, "an API token changed");
      }
      case "api_tokens_failed":
        return log.error(errorFields(event.error), "the API tokens could not be read or written");
      case "api_tokens_recovered":
        return log.info("the API tokens can be read and written again");
      case "config_failed":
        return log.error(
          errorFields(event.error),
          "the configuration could not be read again; what it said before stays in force",
        );
      case "request_failed":
        return log.error(errorFields(event.error), "a request failed");
    }
  };
}

/** Of our own errors, all that is meant for people; of others, name and stack, for they are bugs. */
function errorFields(error: unknown): object {
  if (isKeyturnError(error)) {
    const cause = error.cause instanceof Error ? error.cause.message : undefined;
    return { code: error.code, detail: error.message, fix: error.fix, cause };
  }
  return error instanceof Error
    ? { error: error.name, detail: error.message, stack: error.stack }
    : { error: "unknown" };
}
