/**
 * `POST /v1/tokens` signed in the Worker, by its leased copy of the ring, and in the ring's object: the choice
 * that ARCHITECTURE.md gives the reasons for. Beside a bare Worker that signs, and beside Node.
 */
import { requestText, startLoadGenerator } from "../load.ts";
import type { Figure, Group } from "../report.ts";
import { ask, type Request, startServe, tokenRequest } from "../served.ts";
import { bundled } from "./bundles.ts";
import { API_TOKEN, startManager, startObject } from "./manager.ts";
import { type Server, type Side, sideBySide } from "./side-by-side.ts";
import { startWorker } from "./workerd.ts";

const NOTE =
  "raw is a Worker that only signs, by WebCrypto. Here the object is in the process of the Worker; deployed, it is\n" +
  "  in one data centre for everybody, so that most requests travel there and back besides, and wait for one thread.";

export const edgeSignGroups: readonly Group[] = [1, 8, 32].map((connections) => ({
  name: `edge/sign/${connections}`,
  run: ({ quick }) => measure(connections, quick ? 1 : 9),
  note: NOTE,
}));

async function measure(connections: number, rounds: number): Promise<Figure[]> {
  const load = startLoadGenerator();
  const [raw, worker, object, node] = await Promise.all([
    startWorker({ code: await bundled(new URL("./bare-signer-worker.ts", import.meta.url)) }),
    startManager(),
    startObject(),
    startServe(),
  ]);
  try {
    const ours = tokenRequest(API_TOKEN);
    const sides = [
      await side("raw", raw, ours),
      await side("in the Worker", worker, ours, ["in the object", "on Node"]),
      await side("in the object", object, ours),
      await side("on Node", node, tokenRequest(node.apiToken)),
    ];
    return await sideBySide(load, sides, { group: `edge/sign/${connections}`, connections, rounds });
  } finally {
    await Promise.all([load.stop(), raw.stop(), worker.stop(), object.stop(), node.stop()]);
  }
}

async function side(
  name: string,
  server: Server,
  request: Request,
  others: readonly string[] = [],
): Promise<Side> {
  const { status, body } = await ask(server.port, request);
  if (status !== 200 || !/"token":"[\w-]+\.[\w-]+\.[\w-]+"/.test(body))
    throw new Error(`No token came from "${name}": ${status} ${body}`);
  return { name, server, request: requestText(request), beside: others.map((other) => ({ case: other })) };
}
