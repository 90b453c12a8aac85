/** Load on an HTTP server, made by a process of its own: see load-process.ts. */
import type { ChildProcess } from "node:child_process";
import { reply, start, stop } from "./processes.ts";
import type { Request } from "./served.ts";
import { coreTime } from "./stopwatch.ts";

export interface Load {
  /** Where on 127.0.0.1. */
  readonly port: number;
  /** See `requestText`. */
  readonly request: string;
  /** Any other status is an error. */
  readonly status: number;
  readonly connections: number;
  /** When to end: after so many answers, or so much time. */
  readonly answers?: number;
  readonly milliseconds?: number;
  /** How long each connection rests after an answer. Default 0. */
  readonly restMilliseconds?: number;
}

export interface Served {
  readonly answers: number;
  readonly milliseconds: number;
}

export interface LoadGenerator {
  run(load: Load): Promise<Served>;
  stop(): Promise<void>;
}

export function startLoadGenerator(): LoadGenerator {
  const child: ChildProcess = start(new URL("./load-process.ts", import.meta.url), "load");
  return {
    async run(load) {
      child.send(load);
      const served = await reply<Served | { readonly error: string }>(child);
      if ("error" in served) throw new Error(`${served.error} on http://127.0.0.1:${load.port}`);
      return served;
    },
    stop: () => stop(child),
  };
}

/** As it goes over the wire. */
export function requestText({ method = "GET", path, headers = {}, body = "" }: Request): string {
  const length: Record<string, string> =
    body === "" ? {} : { "Content-Length": String(Buffer.byteLength(body)) };
  const lines = Object.entries({ Host: "127.0.0.1", ...headers, ...length }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return [`${method} ${path} HTTP/1.1`, ...lines, "", body].join("\r\n");
}

/**
 * The rate of a server with a core to itself, whatever else the machine is doing: its answers over
 * the time that it spent on a core. Where the system does not tell that, over the time of day.
 */
export async function requestsPerSecond(load: LoadGenerator, pid: number, job: Load): Promise<number> {
  const before = coreTime(pid);
  const { answers, milliseconds } = await load.run(job);
  const after = coreTime(pid);
  const spent = before === null || after === null ? milliseconds : after - before;
  return (1000 * answers) / spent;
}
