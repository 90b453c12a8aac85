/** JSON lines on stderr, one per thing that happened. */
import pino, { type Logger } from "pino";
import type { OnEvent } from "../telemetry/events.ts";
import { logLineOf } from "../telemetry/log-line.ts";

export function createLog(level: string): Logger {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ fd: 2, sync: true }),
  );
}

export function logEvents(log: Logger): OnEvent {
  return (event) => {
    for (const { level, fields, message } of logLineOf(event)) log[level](fields, message);
  };
}
