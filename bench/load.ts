/** Load on an HTTP server, made by a process of its own: see load-process.ts. */
import type { ChildProcess } from "node:child_process";
import { reply, start, stop } from "./processes.ts";
import type { Request } from "./served.ts";
import { coreTime } from "./stopwatch.ts";

export interface Load {
  /** Where on 127.0.0.1. */
  readonly port: number;
  /** See `requestText`. Of a series, each port gets one after the other, and then the first again. */
  readonly request: string | { readonly series: string };
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
  /** Half of the answers took no longer. */
  readonly p50Milliseconds: number;
}

/** Requests that the load is told once, because they are many. */
export interface Series {
  readonly series: string;
  readonly requests: readonly string[];
}

export interface LoadGenerator {
  know(series: Series): Promise<void>;
  run(load: Load): Promise<Served>;
  stop(): Promise<void>;
}

export function startLoadGenerator(): LoadGenerator {
  const child: ChildProcess = start(new URL("./load-process.ts", import.meta.url), "load");
  return {
    async know(series) {
      child.send(series);
      await reply(child);
    },
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

export interface Measured extends Pick<Served, "p50Milliseconds"> {
  readonly perSecond: number;
}

/**
 * The rate of a server with a core to itself, whatever else the machine is doing: its answers over
 * the time that it spent on a core. Where the system does not tell that, over the time of day.
 */
export async function measured(load: LoadGenerator, pid: number, job: Load): Promise<Measured> {
  const before = coreTime(pid);
  const { answers, milliseconds, p50Milliseconds } = await load.run(job);
  const after = coreTime(pid);
  const spent = before === null || after === null ? milliseconds : after - before;
  return { perSecond: (1000 * answers) / spent, p50Milliseconds };
}

export async function requestsPerSecond(load: LoadGenerator, pid: number, job: Load): Promise<number> {
  return (await measured(load, pid, job)).perSecond;
}
