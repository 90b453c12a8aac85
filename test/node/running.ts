/** Nodes that serve in this process, stopped when the test ends. */
import { readFile } from "node:fs/promises";
import { type RequestOptions, request } from "node:http";
import { text } from "node:stream/consumers";
import { afterEach } from "vitest";
import type { ApiTokenView } from "../../src/api-tokens/api-token.ts";
import type { Role } from "../../src/api-tokens/role.ts";
import type { Config } from "../../src/node/config.ts";
import { type RunningNode, type ServeOptions, serve } from "../../src/node/serve.ts";
import { openedTokens } from "./opened.ts";
import { configIn, newPlace } from "./place.ts";

const running = new Set<RunningNode>();

afterEach(async () => {
  await Promise.all([...running].map((node) => node.stop()));
  running.clear();
});

export async function start(options: ServeOptions): Promise<RunningNode> {
  const node = await serve(options);
  running.add(node);
  return node;
}

export async function stop(node: RunningNode): Promise<void> {
  running.delete(node);
  await node.stop();
}

export interface NewNode {
  readonly place: string;
  readonly config: Config;
  readonly node: RunningNode;
  /** Of a request that signs. */
  readonly headers: { readonly authorization: string; readonly "content-type": string };
}

/** A node in a folder of its own, with the API token that it made. */
export async function startNew(flags: Readonly<Record<string, string>> = {}): Promise<NewNode> {
  const place = await newPlace();
  const config = await configIn(place, flags);
  const node = await start({ config, init: true });
  return { place, config, node, headers: bearing((await readFile(config.apiTokenFile, "utf8")).trim()) };
}

export function bearing(token: string): NewNode["headers"] {
  return { authorization: `Bearer ${token}`, "content-type": "application/json" };
}

/** Headers with an API token of that role, issued as on the host, and the token's id. */
export async function holding(config: Config, role: Role) {
  const { token, view } = await (await openedTokens(config)).issue({ name: role, role, by: "cli:tester" });
  return { headers: bearing(token), token, id: (view as ApiTokenView).id };
}

/** Asks at a Unix socket. */
export function askSocket(
  socketPath: string,
  path: string,
  headers: RequestOptions["headers"] = {},
): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path, headers: { ...headers, host: "keyturn" }, agent: false })
      .once("error", reject)
      .once("response", (response) => {
        text(response).then((body) => resolve({ status: response.statusCode, body }), reject);
      })
      .end();
  });
}
