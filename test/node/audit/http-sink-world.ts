/** A sink over HTTP, the receiver that it sends to, and retries whose time comes when a test says so. */
import { join } from "node:path";
import { beforeEach } from "vitest";
import { receiverOf } from "../../../src/node/audit/delivery.ts";
import { type HttpSinkOptions, httpSink } from "../../../src/node/audit/http-sink.ts";
import type { AuditSink } from "../../../src/node/audit/sink.ts";
import type { AuditRecord } from "../../../src/ring/audit.ts";
import { newPlace } from "../place.ts";
import { chainOf } from "./chain.ts";
import { openReceiver, type TestReceiver } from "./receiver.ts";

export const TOKEN = "a-bearer-token-of-the-receiver";

export let receiver: TestReceiver;
export let positionFile: string;
export let records: AuditRecord[];
export let failures: unknown[];
/** Retries that wait for their time, which a test makes come. */
export let waiting: { work: () => void; seconds: number }[];

beforeEach(async () => {
  receiver = await openReceiver();
  positionFile = join(await newPlace(), "audit-http.position");
  records = await chainOf(9);
  failures = [];
  waiting = [];
});

export function open(options: Partial<HttpSinkOptions> = {}): Promise<AuditSink> {
  return httpSink({
    receiver: async () => receiverOf(receiver.url, TOKEN),
    positionFile,
    onFailure: (error) => failures.push(error),
    later(work, seconds) {
      const entry = { work, seconds };
      waiting.push(entry);
      return () => {
        waiting = waiting.filter((other) => other !== entry);
      };
    },
    chance: () => 0.5,
    ...options,
  });
}

/** The time of the next retry has come. */
export function retryNow(): void {
  const [next] = waiting.splice(0, 1);
  next?.work();
}

export const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);
