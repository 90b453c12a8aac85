/** The JWKS as `keyturn serve` answers it, beside a bare `node:http` server that sends the same bytes. */
import { isDeepStrictEqual } from "node:util";
import { interleave } from "./interleave.ts";
import { type LoadGenerator, requestsPerSecond, requestText, startLoadGenerator } from "./load.ts";
import { reply, start, stop } from "./processes.ts";
import type { Figure, Group } from "./report.ts";
import { type Answer, ask, type Request, type ServedNode, startServe } from "./served.ts";

/** Of the bare server's requests per second. */
const TARGET = 0.95;

const PATH = "/.well-known/jwks.json";
const CONNECTIONS = 32;
const SLICE_MS = 200;

export const jwksGroups: readonly Group[] = [200, 304].map((status) => ({
  name: `jwks/${status}`,
  run: ({ quick }) => measure(status, quick ? 2 : 25),
}));

async function measure(status: number, rounds: number): Promise<Figure[]> {
  const node = await startServe();
  const load = startLoadGenerator();
  try {
    return await besideBare(node, load, status, rounds);
  } finally {
    await Promise.all([node.stop(), load.stop()]);
  }
}

async function besideBare(
  node: ServedNode,
  load: LoadGenerator,
  status: number,
  rounds: number,
): Promise<Figure[]> {
  const request = status === 304 ? await revalidation(node.port) : { path: PATH };
  const answer = await ask(node.port, request);
  const bare = start(new URL("./bare-server.ts", import.meta.url), "server", [JSON.stringify(answer)]);
  try {
    const barePort = await reply<number>(bare);
    assertSame(answer, await ask(barePort, request), status);

    const text = requestText(request);
    const slice = (pid: number, port: number) => () =>
      requestsPerSecond(load, pid, {
        request: text,
        port,
        status,
        connections: CONNECTIONS,
        milliseconds: SLICE_MS,
      });
    const contenders = [
      { name: "raw", slice: slice(bare.pid as number, barePort) },
      { name: "keyturn", slice: slice(node.pid, node.port) },
    ];
    await interleave(contenders, 2); // Both servers, and the load, warm.
    const rates = await interleave(contenders, rounds);
    return rates.map(({ name, opsPerSecond, ratio }) => ({
      group: `jwks/${status}`,
      case: name,
      opsPerSecond,
      ratio,
      ...(name === "keyturn" ? { target: TARGET } : {}),
    }));
  } finally {
    await stop(bare);
  }
}

/** What a verifier asks that has seen this very JWKS. */
async function revalidation(port: number): Promise<Request> {
  const { headers } = await ask(port, { path: PATH });
  return { path: PATH, headers: { "If-None-Match": headers[headers.indexOf("ETag") + 1] as string } };
}

function assertSame(ours: Answer, bare: Answer, status: number): void {
  if (ours.status !== status || !isDeepStrictEqual(ours, bare))
    throw new Error(`The servers answer differently: ${JSON.stringify({ ours, bare })}`);
}
