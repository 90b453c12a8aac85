/** What the Worker takes to start, and what is sent of it when it is deployed. */
import { gzipSync } from "node:zlib";
import { median } from "../interleave.ts";
import type { Figure, Group } from "../report.ts";
import { ask, startServe, tokenRequest } from "../served.ts";
import { bundled, managerCode, protectedCode } from "./bundles.ts";
import { API_TOKEN, startManager } from "./manager.ts";
import { startWorker } from "./workerd.ts";

/** Milliseconds. Whoever hits a cold isolate waits for it. */
const TARGET_START = 50;
/** Gzipped, in thousands of bytes. */
const TARGET_MANAGER = 120;
const TARGET_PROTECTED = 15;

export const edgeStartGroups: readonly Group[] = [
  {
    name: "edge/start",
    run: ({ quick }) => measureStart(quick ? 1 : 15),
    note:
      "raw is a Worker that answers a constant; until workerd listens, time on a core, and to the first token by the\n" +
      "  clock. keyturn's modules take what lies between the two.",
  },
  { name: "edge/bundle", run: measureBundles },
];

async function measureStart(rounds: number): Promise<Figure[]> {
  const answer = { status: 200, headers: [], body: "ok" };
  const constant = {
    code: await bundled(new URL("./constant-worker.ts", import.meta.url)),
    vars: { ANSWER: JSON.stringify(answer) },
  };
  const seen = { raw: [] as number[], keyturn: [] as number[], token: [] as number[], node: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const raw = await startWorker(constant);
    seen.raw.push(raw.startMilliseconds);
    await raw.stop();

    const worker = await startManager();
    seen.keyturn.push(worker.startMilliseconds);
    seen.token.push(await firstToken(worker.port, API_TOKEN, worker.spawnedAt));
    await worker.stop();

    const spawnedAt = performance.now();
    const node = await startServe();
    seen.node.push(await firstToken(node.port, node.apiToken, spawnedAt));
    await node.stop();
  }
  const modules = seen.keyturn.map((milliseconds, round) => milliseconds - (seen.raw[round] ?? 0));
  return [
    figure("raw: workerd listens", median(seen.raw)),
    figure("keyturn: workerd listens", median(seen.keyturn)),
    { ...figure("keyturn's modules", median(modules)), target: TARGET_START },
    figure("keyturn: first token of a new ring", median(seen.token)),
    figure("keyturn on Node: first token of a new ring", median(seen.node)),
  ];
}

/** Until it is there, by the clock on the wall: the ring is made on the way. */
async function firstToken(port: number, apiToken: string, spawnedAt: number): Promise<number> {
  const { status } = await ask(port, tokenRequest(apiToken));
  if (status !== 200) throw new Error(`Port ${port} signs nothing: ${status}`);
  return performance.now() - spawnedAt;
}

function figure(name: string, milliseconds: number): Figure {
  return { group: "edge/start", case: name, opsPerSecond: null, ratio: null, milliseconds };
}

async function measureBundles(): Promise<Figure[]> {
  const bundles = [
    { name: "the whole manager", code: await managerCode(), target: TARGET_MANAGER },
    { name: "a Worker that only verifies", code: await protectedCode(), target: TARGET_PROTECTED },
  ];
  return bundles.map(({ name, code, target }) => ({
    ...{ group: "edge/bundle", case: name, opsPerSecond: null, ratio: null, target },
    kilobytes: gzipSync(code).length / 1000,
  }));
}
