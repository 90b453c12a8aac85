/** One line of JSON for each thing that happened, as Workers Logs index it. Events hold no secret, so neither do lines. */
import type { OnEvent } from "../telemetry/events.ts";
import { type LogLine, logLineOf } from "../telemetry/log-line.ts";

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

export type LogLevel = LogLine["level"];

/** @param least of the levels that are written */
export function consoleLog(least: LogLevel, ring: string): OnEvent {
  const written = LEVELS.slice(LEVELS.indexOf(least));
  return (event) => {
    for (const { level, fields, message } of logLineOf(event))
      if (written.includes(level)) console[level](JSON.stringify({ level, msg: message, ring, ...fields }));
  };
}
