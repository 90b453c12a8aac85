/** The JWKS from the Worker, by way of a data centre's cache and without, beside bare Workers and beside Node. */
import { requestText, startLoadGenerator } from "../load.ts";
import { reply, start, stop } from "../processes.ts";
import type { Figure, Group } from "../report.ts";
import { type Answer, ask, type Request, startServe } from "../served.ts";
import { bundled } from "./bundles.ts";
import { startManager } from "./manager.ts";
import { type Server, type Side, sideBySide } from "./side-by-side.ts";
import { type RunningWorker, startWorker } from "./workerd.ts";

const PATH = "/.well-known/jwks.json";
const CONNECTIONS = 32;

const NOTE =
  "raw is a Worker that answers a constant. Behind the Cache API stands another Worker in the same process, with\n" +
  "  copies in memory: what its hop costs is in every hit, and what a data centre's own costs is not.";

export const edgeJwksGroups: readonly Group[] = [200, 304].map((status) => ({
  name: `edge/jwks/${status}`,
  run: ({ quick }) => measure(status, quick ? 1 : 9),
  note: NOTE,
}));

async function measure(status: number, rounds: number): Promise<Figure[]> {
  const load = startLoadGenerator();
  const [hit, missed, node] = await Promise.all([
    startManager(),
    startManager({ cache: "forgets" }),
    startServe(),
  ]);
  const stops = [() => load.stop(), hit.stop, missed.stop, node.stop];
  try {
    await answerOf(hit.port, 200); // Now there is something in its cache.
    const answer = await answerOf(hit.port, status);
    assertCached("hit", answer, true);
    assertCached("missed", await answerOf(missed.port, status), false);
    const raw = await answering(new URL("./constant-worker.ts", import.meta.url), answer);
    stops.push(raw.stop);
    const cached = await answering(
      new URL("./cached-worker.ts", import.meta.url),
      await answerOf(hit.port, 200),
    );
    stops.push(cached.stop);
    const bare = await onNode(await answerOf(node.port, status));
    stops.push(bare.stop);

    const beside = [{ case: "bare Worker, from the Cache API" }, { case: "keyturn on Node" }];
    const side = async (name: string, server: Server): Promise<Side> => ({
      ...{ name, server, request: requestText(await requestFor(server.port, status)) },
      ...(server === hit ? { beside } : {}),
    });
    const sides = await Promise.all([
      side("raw", raw),
      side("bare Worker, from the Cache API", cached),
      side("keyturn, from the Cache API", hit),
      side("keyturn, cache missed", missed),
      side("keyturn on Node", node),
      side("bare node:http", bare),
    ]);
    return await sideBySide(load, sides, {
      ...{ group: `edge/jwks/${status}`, status, connections: CONNECTIONS, rounds },
    });
  } finally {
    await Promise.all(stops.map((end) => end()));
  }
}

async function answering(worker: URL, answer: Answer): Promise<RunningWorker> {
  return startWorker({ code: await bundled(worker), vars: { ANSWER: JSON.stringify(answer) } });
}

async function onNode(answer: Answer): Promise<Server & Pick<RunningWorker, "stop">> {
  const bare = start(new URL("../bare-server.ts", import.meta.url), "server", [JSON.stringify(answer)]);
  return { pid: bare.pid ?? 0, port: await reply<number>(bare), stop: () => stop(bare) };
}

/** What a verifier asks; for a 304, one that has seen this very JWKS. */
async function requestFor(port: number, status: number): Promise<Request> {
  const { headers } = await ask(port, { path: PATH });
  if (status === 200) return { path: PATH };
  const etag = headers[headers.findIndex((name) => name.toLowerCase() === "etag") + 1] ?? "";
  return { path: PATH, headers: { "If-None-Match": etag } };
}

async function answerOf(port: number, status: number): Promise<Answer> {
  const answer = await ask(port, await requestFor(port, status));
  if (answer.status !== status || (status === 200 && !answer.body.includes('"keys"')))
    throw new Error(`Port ${port} answers ${answer.status} instead of ${status}`);
  return answer;
}

/** Whoever was served from a cache is told the answer's age. */
function assertCached(name: string, { headers }: Answer, expected: boolean): void {
  if (headers.includes("Age") !== expected) throw new Error(`"${name}" is answered from elsewhere`);
}
