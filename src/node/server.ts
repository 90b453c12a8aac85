/**
 * The HTTP server of a node. The JWKS is answered before anything else looks at the request: it is
 * what every verifier asks for, and it must not pay for the middleware of other routes.
 */
import { chmod, lstat, unlink } from "node:fs/promises";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { connect } from "node:net";
import { dirname } from "node:path";
import { getRequestListener } from "@hono/node-server";
import { JWKS_PATH, type JwksAnswers } from "../http/jwks.ts";
import { makeFolder } from "../store/file-access.ts";

/** How long a client may take over its headers, and over the whole of its request. */
const REQUEST_TIMEOUT_MILLISECONDS = 10_000;

/** How far past that a client may get before it is noticed. Node by itself looks twice a minute. */
const LOOK_EVERY_MILLISECONDS = 1_000;

/** Longer than proxies commonly keep an idle connection, so that it is they who close it. */
const KEEP_ALIVE_MILLISECONDS = 65_000;

/** A server that answers 503 until it is given its app. */
export function createHttpServer(): { readonly server: Server; serve(listener: RequestListener): void } {
  let listener: RequestListener = starting;
  const server = createServer(
    {
      headersTimeout: REQUEST_TIMEOUT_MILLISECONDS,
      requestTimeout: REQUEST_TIMEOUT_MILLISECONDS,
      connectionsCheckingInterval: LOOK_EVERY_MILLISECONDS,
      keepAliveTimeout: KEEP_ALIVE_MILLISECONDS,
    },
    (request, response) => listener(request, response),
  );
  return {
    server,
    serve(ready) {
      listener = ready;
    },
  };
}

interface App {
  readonly fetch: (request: Request) => Response | Promise<Response>;
}

export function listenerOf(app: App, answers: JwksAnswers): RequestListener {
  const others = appListener(app);
  return (request, response) => {
    if (request.url === JWKS_PATH && (request.method === "GET" || request.method === "HEAD")) {
      answerJwks(request, response, answers);
    } else {
      others(request, response);
    }
  };
}

/** Requests of HTTP/1.0 need not say which host they are for, and those of health checks do not. */
export function appListener(app: App): RequestListener {
  const listener = getRequestListener(app.fetch, { hostname: "localhost" });
  return (request, response) => void listener(request, response);
}

function answerJwks(request: IncomingMessage, response: ServerResponse, answers: JwksAnswers): void {
  const { status, headers, body } = answers(ifNoneMatch(request.rawHeaders));
  response.writeHead(status, headers as string[]);
  // Node leaves the body of a HEAD out by itself.
  response.end(body);
}

const IF_NONE_MATCH = "if-none-match";

/**
 * The one header that matters here, from the names and values in turn as they came. Asking Node for
 * `headers` would have it parse them all, which shows beside an answer that is only sent.
 */
function ifNoneMatch(rawHeaders: readonly string[]): string | undefined {
  let value: string | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length !== IF_NONE_MATCH.length || name.toLowerCase() !== IF_NONE_MATCH) continue;
    // Several lines are one list (RFC 9110 section 5.3).
    value = value === undefined ? rawHeaders[i + 1] : `${value}, ${rawHeaders[i + 1]}`;
  }
  return value;
}

/** Before there is a ring a JWKS must be neither empty nor cacheable: either would be believed. */
function starting(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(503, { "Cache-Control": "no-store", "Retry-After": "1" });
  response.end();
}

/** Resolves to the port once the server listens on `address:port`. */
export function listen(server: Server, address: string): Promise<number> {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[|\]$/g, "");
  return listening(server, () => server.listen(Number(address.slice(colon + 1)), host));
}

/** Listens on a Unix socket that only this user can reach. One left behind by a process that is gone is replaced. */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  await makeFolder(dirname(path));
  if (await isLeftBehind(path)) await unlink(path);
  await listening(server, () => server.listen({ path }));
  await chmod(path, 0o600);
}

function listening(server: Server, begin: () => void): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      const bound = server.address();
      resolve(typeof bound === "object" && bound !== null ? bound.port : 0);
    });
    begin();
  });
}

/** Whether there is a socket on which nobody listens. */
async function isLeftBehind(path: string): Promise<boolean> {
  // The system refuses a connection to any other file in the same words.
  const isSocket = await lstat(path).then(
    (found) => found.isSocket(),
    () => false,
  );
  if (!isSocket) return false;
  return new Promise((resolve) => {
    const attempt = connect(path);
    attempt.once("connect", () => resolve(false)).once("connect", () => attempt.destroy());
    attempt.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ECONNREFUSED"));
  });
}

const SWEEP_MILLISECONDS = 50;

/** Takes no new request, lets those under way finish, and cuts off what has not finished in time. */
export function close(server: Server, graceMilliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const cutOff = setTimeout(() => server.closeAllConnections(), graceMilliseconds);
    // A client keeps its connection after the last answer, so those under way become idle later.
    const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MILLISECONDS);
    server.close(() => {
      clearTimeout(cutOff);
      clearInterval(sweep);
      resolve();
    });
    server.closeIdleConnections();
  });
}
