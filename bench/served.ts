/** `keyturn serve`, as it is started by people: in a folder of its own, with every setting at its default. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { CLAIMS } from "./peers.ts";
import { start, stop } from "./processes.ts";

export interface ServedNode {
  readonly port: number;
  readonly pid: number;
  readonly apiToken: string;
  stop(): Promise<void>;
}

const CLI = new URL("../dist/cli/main.js", import.meta.url);

export async function startServe(): Promise<ServedNode> {
  const folder = await temporaryFolder();
  const child = start(CLI, "server", ["serve", "--init", "--listen", "127.0.0.1:0"], folder);
  const port = await new Promise<number>((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`keyturn serve ended with code ${code}`)));
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      const [, port] = /JWKS .*:(\d+)\//.exec(line) ?? [];
      if (port !== undefined) resolve(Number(port));
    });
  });
  return {
    port,
    pid: child.pid as number,
    apiToken: (await readFile(join(folder, ".keyturn", "api-token"), "utf8")).trim(),
    async stop() {
      await stop(child);
      await rm(folder, { recursive: true });
    },
  };
}

/** A request for a token, as the holder of the API token makes it. */
export function tokenRequest(apiToken: string): Request & { readonly body: string } {
  return {
    method: "POST",
    path: "/v1/tokens",
    headers: { Authorization: `Bearer ${apiToken}`, "Content-Type": "application/json" },
    body: JSON.stringify({ claims: CLAIMS }),
  };
}

/** For a ring and its secrets. */
export function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "keyturn-bench-"));
}

/** An answer of a server, less what node:http adds by itself. */
export interface Answer {
  readonly status: number;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body: string;
  readonly keepAliveSeconds: number;
}

const ADDED_BY_NODE = /^(date|connection|keep-alive)$/i;

export interface Request {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export function ask(port: number, { method = "GET", path, headers = {}, body }: Request): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { port, method, path, headers: { ...headers, Connection: "keep-alive" } };
    const asked = request(options, async (response) => {
      response.setEncoding("utf8");
      let text = "";
      for await (const chunk of response) text += chunk;
      const [, seconds] = /timeout=(\d+)/.exec(String(response.headers["keep-alive"])) ?? [];
      resolve({
        status: response.statusCode ?? 0,
        headers: sentBy(response.rawHeaders),
        body: text,
        keepAliveSeconds: Number(seconds),
      });
    });
    asked.on("error", reject).end(body);
  });
}

function sentBy(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, i) => !ADDED_BY_NODE.test(rawHeaders[i - (i % 2)] as string));
}
