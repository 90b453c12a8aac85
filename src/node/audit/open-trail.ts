/** From settings to sinks: a file or stdout, and another machine where one is named. */
import type { Clock } from "../../clock.ts";
import { isKeyturnError, KeyturnError } from "../../errors.ts";
import type { OnEvent } from "../../telemetry/events.ts";
import { fileAuditLog, noAuditLog, readAuditLog, stdoutAuditLog } from "../audit-log.ts";
import { type Receiver, receiverOf } from "./delivery.ts";
import { httpSink, positionSink } from "./http-sink.ts";
import { readPosition } from "./position.ts";
import { type AuditSink, logSink } from "./sink.ts";
import { type AuditTrail, auditTrail } from "./trail.ts";

export interface TrailSettings {
  /** A path, or `stdout`. */
  readonly auditLog: string;
  /** Where records are sent as well; null: nowhere. */
  readonly auditUrl: string | null;
  /** Bearer token for that; null: none. Asked again for as long as it rejects. */
  readonly auditToken: () => Promise<string | null>;
  /** Where the position acknowledged there is kept. */
  readonly positionFile: string;
}

export interface TrailOptions extends TrailSettings {
  /** A node that serves delivers; a command has stdout for its result, and leaves other machines to the nodes. */
  readonly runs: "node" | "command";
  /** Whether a ring is about to be made: then log and position must be read, because they may know that there was one. */
  readonly beforeRing: boolean;
  readonly clock: Clock;
  readonly onEvent: OnEvent;
}

/**
 * A log that cannot be read is a sink that fails, until somebody mends it: an emergency must not wait for that.
 *
 * @throws KeyturnError `config_invalid`; before a ring is made also why log or position cannot be read
 */
export async function openTrail(options: TrailOptions): Promise<AuditTrail> {
  const { clock, onEvent, beforeRing } = options;
  const remote = await remoteSink(options);
  const local = localSink(options);
  await local.append([]).catch((error: unknown) => {
    if (beforeRing) throw error;
    onEvent({ type: "audit_failed", error: unread(error) });
  });
  return auditTrail({ sinks: [local, ...(remote === null ? [] : [remote])], clock, onEvent });
}

/** Until the log is mended there is nothing to measure the ring by. */
function unread(error: unknown): unknown {
  if (!isKeyturnError(error)) return error;
  const { code, message, fix } = error;
  const until =
    "Until that is mended, records stay in the ring's tail, and a ring put back from a backup is not noticed.";
  return new KeyturnError(code, `${message} ${until}`, { fix, cause: error });
}

function localSink({ auditLog, runs }: TrailOptions): AuditSink {
  if (auditLog !== "stdout") return logSink("file", fileAuditLog(auditLog));
  return runs === "node" ? logSink("stdout", stdoutAuditLog()) : logSink("none", noAuditLog());
}

async function remoteSink(options: TrailOptions): Promise<AuditSink | null> {
  const { auditLog, auditUrl, auditToken, positionFile, runs, beforeRing, onEvent } = options;
  if (auditUrl === null) return null;
  if (beforeRing) await readPosition(positionFile);
  // Whoever named a wrong URL is told at once; what is wrong with the token can wait for the first delivery.
  receiverOf(auditUrl, null);
  const onFailure = (error: unknown) => onEvent({ type: "audit_failed", error });
  if (runs === "command") return positionSink(positionFile, onFailure);
  let known: Receiver | null = null;
  const receiver = async () => {
    known ??= receiverOf(auditUrl, await auditToken());
    return known;
  };
  await receiver().catch(onFailure);
  return httpSink({
    receiver,
    positionFile,
    ...(auditLog === "stdout" ? {} : { archive: () => readAuditLog(auditLog) }),
    onFailure,
  });
}
