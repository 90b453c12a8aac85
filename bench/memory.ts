/** Whether `keyturn serve` keeps anything of what passes through it: its resident memory, early and late. */
import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { type LoadGenerator, requestText, startLoadGenerator } from "./load.ts";
import type { Figure, Group } from "./report.ts";
import { type ServedNode, startServe, tokenRequest } from "./served.ts";

/** Of the resident memory after the first answers. */
const TARGET_GROWTH = 0.05;

/**
 * What is under way when V8 collects survives, and for enough of it V8 makes its young generation
 * larger, once and for good. That is no growth of ours, so little is under way.
 */
const CONNECTIONS = 8;

export const memoryGroups: readonly Group[] = [
  {
    name: "memory/serve",
    run: ({ quick }) => (quick ? measure(1000, 5000, 2000) : measure(10_000, 1_000_000, 100_000)),
  },
];

async function measure(first: number, jwksAnswers: number, tokens: number): Promise<Figure[]> {
  const node = await startServe();
  const load = startLoadGenerator();
  try {
    await serve(load, node, first, first);
    const early = await residentMegabytes(node.pid);
    await serve(load, node, jwksAnswers - first, tokens - first);
    const late = await residentMegabytes(node.pid);
    return [
      figure("raw", early),
      { ...figure("keyturn", late), growth: late / early - 1, target: TARGET_GROWTH },
    ];
  } finally {
    await Promise.all([node.stop(), load.stop()]);
  }
}

/** `raw` is this very server after its first answers. */
function figure(name: string, megabytes: number): Figure {
  return { group: "memory/serve", case: name, opsPerSecond: null, ratio: null, megabytes };
}

async function serve(
  load: LoadGenerator,
  node: ServedNode,
  jwksAnswers: number,
  tokens: number,
): Promise<void> {
  const jwks = requestText({ path: "/.well-known/jwks.json" });
  const token = requestText(tokenRequest(node.apiToken));
  const job = { port: node.port, status: 200, connections: CONNECTIONS };
  await load.run({ ...job, request: jwks, answers: jwksAnswers });
  await load.run({ ...job, request: token, answers: tokens });
}

async function residentMegabytes(pid: number): Promise<number> {
  // What was freed is given back a moment later.
  await sleep(2000);
  return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) / 1024;
}
