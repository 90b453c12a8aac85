/** What is logged of an event, and how grave it is. Events hold no secret, so neither does the log. */
import { isKeyturnError } from "../errors.ts";
import type { AuditRecord } from "../ring/audit.ts";
import type { KeyturnEvent } from "./events.ts";

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** None, for what metrics alone are told of; one for each record where the ring has advanced. */
export function logLineOf(event: KeyturnEvent): readonly LogLine[] {
  switch (event.type) {
    case "ring_advanced":
      return event.records.flatMap((record) => advance(record, event.own));
    case "token_signed":
      // Metrics count them; a line for each costs more than its signature.
      return line("debug", { kid: event.kid }, "token signed");
    case "token_refused":
      return line("warn", { kid: event.kid, code: event.code }, "token refused");
    case "request_denied": {
      const { action, caller, code, path } = event;
      return line("warn", { action, caller, code, path }, "a request was denied");
    }
    case "step_blocked":
      return line("warn", { because: event.because }, "a due step was not taken");
    case "conflict":
      return line("debug", {}, "another node committed first");
    case "commit_reconciled":
      return line(
        "warn",
        { committed: event.committed },
        "the outcome of a commit was in doubt and has been found",
      );
    case "store_failed":
      return failure(event.error, "the ring could not be read");
    case "store_recovered":
      return line("info", {}, "the ring can be read again");
    case "publication_seen":
      return event.missingSince === null
        ? []
        : line(
            "warn",
            { since: event.missingSince },
            "the public JWKS URL does not show every key that it should",
          );
    case "audit_failed":
      return failure(event.error, "audit records could not be appended; they stay in the ring's tail");
    case "tick_failed":
      return failure(event.error, "a tick failed");
    case "api_token_changed": {
      const { event: change, id, name, role, successor, by, reason } = event;
      return line("info", { change, id, name, role, successor, by, reason }, "an API token changed");
    }
    case "api_tokens_failed":
      return failure(event.error, "the API tokens could not be read or written");
    case "api_tokens_recovered":
      return line("info", {}, "the API tokens can be read and written again");
    case "config_failed":
      return failure(
        event.error,
        "the configuration could not be read again; what it said before stays in force",
      );
    case "request_failed":
      return failure(event.error, "a request failed");
    case "jwks_answered":
    case "store_called":
      return [];
  }
}

function advance(record: AuditRecord, own: boolean): LogLine[] {
  const { event: step, generation, oldKid, newKid, trigger, actor, reason, earlyEmit } = record;
  const fields = { step, generation, oldKid, newKid, trigger, actor, reason, own };
  return earlyEmit === true
    ? line("warn", { ...fields, earlyEmit }, "a key emits before its hold has passed")
    : line("info", fields, "ring advanced");
}

function line(level: LogLine["level"], fields: LogLine["fields"], message: string): LogLine[] {
  return [{ level, fields, message }];
}

function failure(error: unknown, message: string): LogLine[] {
  return line("error", errorFields(error), message);
}

/** Of our own errors, all that is meant for people; of others, name and stack, for they are bugs. */
function errorFields(error: unknown): LogLine["fields"] {
  if (isKeyturnError(error)) {
    const cause = error.cause instanceof Error ? error.cause.message : undefined;
    return { code: error.code, detail: error.message, fix: error.fix, cause };
  }
  return error instanceof Error
    ? { error: error.name, detail: error.message, stack: error.stack }
    : { error: "unknown" };
}
