/** From settings to sinks: a file or stdout, and another machine where one is named. */
import type { Clock } from "../../clock.ts";
import type { OnEvent } from "../../telemetry/events.ts";
import { fileAuditLog, noAuditLog, readAuditLog, stdoutAuditLog } from "../audit-log.ts";
import { receiverOf } from "./delivery.ts";
import { httpSink, positionSink } from "./http-sink.ts";
import { type AuditSink, logSink } from "./sink.ts";
import { type AuditTrail, auditTrail } from "./trail.ts";

export interface TrailSettings {
  /** A path, or `stdout`. */
  readonly auditLog: string;
  /** Where records are sent as well; null: nowhere. */
  readonly auditUrl: string | null;
  /** Bearer token for that; null: none. */
  readonly auditToken: string | null;
  /** Where the position acknowledged there is kept. */
  readonly positionFile: string;
}

export interface TrailOptions extends TrailSettings {
  /** A node that serves delivers; a command has stdout for its result, and leaves other machines to the nodes. */
  readonly runs: "node" | "command";
  readonly clock: Clock;
  readonly onEvent: OnEvent;
}

/** @throws KeyturnError `config_invalid`, `audit_broken`, `store_permission`, `store_unavailable` */
export async function openTrail(options: TrailOptions): Promise<AuditTrail> {
  const remote = await remoteSink(options);
  const sinks = [await localSink(options), ...(remote === null ? [] : [remote])];
  return auditTrail({ sinks, clock: options.clock, onEvent: options.onEvent });
}

async function localSink({ auditLog, runs }: TrailOptions): Promise<AuditSink> {
  if (auditLog !== "stdout") return logSink("file", await fileAuditLog(auditLog));
  return runs === "node" ? logSink("stdout", stdoutAuditLog()) : logSink("none", noAuditLog());
}

async function remoteSink(options: TrailOptions): Promise<AuditSink | null> {
  const { auditLog, auditUrl, auditToken, positionFile, runs, onEvent } = options;
  if (auditUrl === null) return null;
  const receiver = receiverOf(auditUrl, auditToken);
  if (runs === "command") return positionSink(positionFile);
  return httpSink({
    receiver,
    positionFile,
    ...(auditLog === "stdout" ? {} : { archive: () => readAuditLog(auditLog) }),
    onFailure: (error) => onEvent({ type: "audit_failed", error }),
  });
}
