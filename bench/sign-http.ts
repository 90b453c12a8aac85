/**
 * Signatures per second through `POST /v1/tokens`, from one client on 32 connections, beside a bare
 * server that only parses, signs and answers. In process, the same is measured by `sign/ES256`.
 */
import { interleave } from "./interleave.ts";
import { requestsPerSecond, requestText, startLoadGenerator } from "./load.ts";
import { reply, start, stop } from "./processes.ts";
import type { Figure, Group } from "./report.ts";
import { ask, startServe, tokenRequest } from "./served.ts";

const CONNECTIONS = 32;
const SLICE_MS = 200;

export const signHttpGroups: readonly Group[] = [
  { name: "sign/http", run: ({ quick }) => measure(quick ? 2 : 25) },
];

async function measure(rounds: number): Promise<Figure[]> {
  const node = await startServe();
  const load = startLoadGenerator();
  const bare = start(new URL("./bare-signer.ts", import.meta.url), "server");
  try {
    const request = tokenRequest(node.apiToken);
    const barePort = await reply<number>(bare);
    for (const port of [node.port, barePort]) {
      const { status, body } = await ask(port, request);
      if (status !== 200 || !/"token":"[\w-]+\.[\w-]+\.[\w-]+"/.test(body))
        throw new Error(`No token came from port ${port}: ${status}`);
    }
    const job = {
      request: requestText(request),
      status: 200,
      connections: CONNECTIONS,
      milliseconds: SLICE_MS,
    };
    const slice = (pid: number, port: number) => () => requestsPerSecond(load, pid, { ...job, port });
    const contenders = [
      { name: "raw", slice: slice(bare.pid as number, barePort) },
      { name: "keyturn", slice: slice(node.pid, node.port) },
    ];
    await interleave(contenders, 2); // Both servers, and the load, warm.
    const rates = await interleave(contenders, rounds);
    return rates.map(({ name, opsPerSecond, ratio }) => ({
      group: "sign/http",
      case: name,
      opsPerSecond,
      ratio,
    }));
  } finally {
    await Promise.all([node.stop(), load.stop(), stop(bare)]);
  }
}
