/** A real `keyturn serve`, and a client that has tokens signed by it. */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type LogLine, type NodeProcess, startNode } from "../../src/rehearsal/node-process.ts";
import { REHEARSED_POLICY } from "../../src/rehearsal/scale.ts";

/** Built by `npm run build`. */
const CLI = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** The same however often a server starts, on whichever port. */
export const ISSUER = "https://auth.example.com";

export interface ServerOptions {
  readonly settings?: Readonly<Record<string, string | number>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly onLog?: (line: LogLine) => void;
}

/** `serve --init` in the folder, with the rehearsal's durations and a tick each second. */
export async function startServer(folder: string, options: ServerOptions = {}): Promise<NodeProcess> {
  const { settings, environment, onLog = () => {} } = options;
  const inherited = Object.entries(process.env).filter(([name]) => !/^(KEYTURN|NODE|VITEST)/.test(name));
  return startNode(
    {
      cli: CLI,
      folder,
      environment: { ...Object.fromEntries(inherited), ...environment },
      settings: {
        ...REHEARSED_POLICY,
        listen: "127.0.0.1:0",
        tickSchedule: "* * * * * *",
        issuer: ISSUER,
        ...settings,
      },
      onLog,
    },
    new AbortController().signal,
  );
}

export interface Signature {
  readonly status: number;
  /** What the server said when it refused. */
  readonly code?: string;
  readonly token?: string;
  readonly kid?: string;
  readonly expiresAt?: number;
}

/** A server that has not answered by then will not. Longer than any pause of a server under test. */
const ANSWER_MILLISECONDS = 6000;

/** Asks the server for a token. */
export async function signed({ url, apiToken }: NodeProcess): Promise<Signature> {
  const answer = await fetch(`${url}/v1/tokens`, {
    method: "POST",
    headers: { Authorization: `Bearer ${apiToken}`, "Content-Type": "application/json" },
    body: JSON.stringify({ claims: { sub: "fire" } }),
    signal: AbortSignal.timeout(ANSWER_MILLISECONDS),
  });
  return { ...((await answer.json()) as object), status: answer.status };
}

export interface ServedJwks {
  readonly keys: readonly { readonly kid: string }[];
  readonly generation: number;
}

export async function jwksOf({ url }: NodeProcess): Promise<ServedJwks> {
  const signal = AbortSignal.timeout(ANSWER_MILLISECONDS);
  return (await (await fetch(`${url}/.well-known/jwks.json`, { signal })).json()) as ServedJwks;
}
