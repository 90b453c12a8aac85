/**
 * How long the event loop stands still while a server turns over its largest kind of key: new key,
 * self-test, sealing, three commits, while JWKS requests keep coming in. Beside it the same server
 * with nothing to do but serve, because timers and neighbours stall a loop too.
 */
import { rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { getRequestListener } from "@hono/node-server";
import { createApp } from "../dist/http/index.js";
import { type Clock, createKeyManager, type KeyManager } from "../dist/index.js";
import { fileStore } from "../dist/node/index.js";
import { median } from "./interleave.ts";
import { type LoadGenerator, requestText, startLoadGenerator } from "./load.ts";
import { ISSUER, KEK } from "./peers.ts";
import type { Figure, Group } from "./report.ts";
import { temporaryFolder } from "./served.ts";
import { threadTime } from "./stopwatch.ts";

const TARGET_MS = 10;

const IDLE_MS = 1000;

export const rotationGroups: readonly Group[] = [
  { name: "rotation/RS256-4096", run: ({ quick }) => measure(quick ? 1 : 7) },
];

async function measure(samples: number): Promise<Figure[]> {
  const folder = await temporaryFolder();
  const clock = movableClock();
  const keys = await createKeyManager({
    store: fileStore(folder),
    kek: KEK,
    issuer: ISSUER,
    policy: { alg: "RS256", rsaBits: 4096 },
    clock,
  });
  const server = createServer(getRequestListener(createApp({ manager: keys }).fetch));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const load = startLoadGenerator();
  const { port } = server.address() as AddressInfo;

  const stalls: Record<"raw" | "keyturn", number[]> = { raw: [], keyturn: [] };
  try {
    for (let sample = 0; sample < samples; sample++) {
      stalls.raw.push(await longestStall(load, port, () => sleep(IDLE_MS)));
      stalls.keyturn.push(await longestStall(load, port, () => turnOver(keys, clock)));
    }
  } finally {
    server.close();
    await load.stop();
    await rm(folder, { recursive: true });
  }
  return [{ ...figure("raw", stalls.raw) }, { ...figure("keyturn", stalls.keyturn), target: TARGET_MS }];
}

function figure(name: string, stalls: readonly number[]): Figure {
  return {
    group: "rotation/RS256-4096",
    case: name,
    opsPerSecond: null,
    ratio: null,
    milliseconds: median(stalls),
  };
}

/** In milliseconds, the one millisecond between two looks included. */
async function longestStall(
  load: LoadGenerator,
  port: number,
  work: () => Promise<unknown>,
): Promise<number> {
  const request = requestText({ path: "/.well-known/jwks.json" });
  // So few requests that neither core is short of time: what is to be seen is the loop, not the queue.
  const job = { port, request, status: 200, connections: 4, restMilliseconds: 2, milliseconds: 100 };
  let over = false;
  const serving = (async () => {
    while (!over) await load.run(job);
  })();
  const watch = watchLoop();
  try {
    await work();
  } finally {
    over = true;
    await serving;
  }
  return watch.longest();
}

/** A timer that is due every millisecond notes how late it ever was. */
function watchLoop(): { longest(): number } {
  let longest = 0;
  let last = threadTime();
  const timer = setInterval(() => {
    const now = threadTime();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  return {
    longest() {
      clearInterval(timer);
      return longest;
    },
  };
}

/** One step per tick and one tick per instant at which something is due, until the old key is gone. */
async function turnOver(keys: KeyManager, clock: MovableClock): Promise<void> {
  for (;;) {
    const { step, blocked, nextDueAt } = await keys.tick();
    if (blocked !== null) throw new Error(`The turnover is blocked: ${blocked}`);
    if (step?.step === "revoke") return;
    if (nextDueAt === null) throw new Error("Nothing will ever be due");
    clock.moveTo(nextDueAt);
  }
}

interface MovableClock extends Clock {
  moveTo(now: number): void;
}

function movableClock(): MovableClock {
  let now = Math.floor(Date.now() / 1000);
  return {
    now: () => now,
    monotonic: () => now,
    moveTo(instant) {
      now = Math.max(now, instant);
    },
  };
}
