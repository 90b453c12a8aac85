/**
 * Where the admin API answers. Beside the public routes it answers callers on this machine alone,
 * and not those that a proxy on this machine speaks for: what such a proxy forwards comes from
 * anywhere. Whoever is to reach it from elsewhere is given a listener of its own.
 *
 * A web page can have the name that it came by lead to this machine (DNS rebinding), and then asks from
 * here and as of the same site. It cannot have an address for a name, nor `localhost`.
 */
import type { IncomingMessage, RequestListener, Server } from "node:http";
import { isIP } from "node:net";
import { KeyturnError } from "../errors.ts";
import { problemResponse } from "../http/problem.ts";
import { appListener, close, createHttpServer, listen, listenOnSocket } from "./server.ts";

const LOOPBACK = /^(?:127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;

/** RFC 7239 and what came before it. */
const FORWARDED = [
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-real-ip",
  "via",
];

/**
 * Answers callers on this machine with `everything`, all others with `publicOnly`.
 *
 * @param address `address:port` of the listener
 */
export function byCaller(
  address: string,
  publicOnly: RequestListener,
  everything: RequestListener,
): RequestListener {
  return (request, response) => (isFromHere(request, address) ? everything : publicOnly)(request, response);
}

function isFromHere({ socket, headers }: IncomingMessage, address: string): boolean {
  const isLoopback = LOOPBACK.test(socket.remoteAddress ?? "");
  const isProxied = FORWARDED.some((name) => headers[name] !== undefined);
  return isLoopback && !isProxied && isOwnName(headers.host, address);
}

/** Whether a page cannot have come by this name. Where HTTP/1.0 names none it is no browser that asks. */
function isOwnName(host: string | undefined, address: string): boolean {
  if (host === undefined) return true;
  const name = nameIn(host);
  return isIP(name) !== 0 || name === "localhost" || name === nameIn(address);
}

function nameIn(hostAndPort: string): string {
  return hostAndPort
    .replace(/:\d*$/, "")
    .replace(/^\[|\]$/g, "")
    .toLowerCase();
}

/**
 * Refuses what a page under another name could ask for on loopback. A request with an API token is not the
 * page's, which has none: a proxy may send it on under the name that it came by.
 */
function unlessRebound(address: string, listener: RequestListener): RequestListener {
  return (request, response) => {
    const { socket, headers } = request;
    const isLoopback = LOOPBACK.test(socket.localAddress ?? "");
    if (!isLoopback || headers.authorization !== undefined || isOwnName(headers.host, address))
      listener(request, response);
    else appListener({ fetch: () => problemResponse(foreignName()) })(request, response);
  };
}

function foreignName(): KeyturnError {
  return new KeyturnError("cross_origin", "The request is for another host than this one.", {
    fix: "Ask by IP address or as localhost, or with an API token.",
  });
}

export interface AdminServer {
  /** What a client is told, e.g. `http://127.0.0.1:3001` or `unix:/run/keyturn/admin.sock`. */
  readonly url: string;
  /** Until then it answers 503. */
  serve(listener: RequestListener): void;
  stop(graceMilliseconds: number): Promise<void>;
}

/** @param address `address:port` or `unix:<path>` */
export async function startAdminServer(address: string): Promise<AdminServer> {
  const { server, serve } = createHttpServer();
  return {
    url: await bound(server, address),
    serve: (listener) => serve(unlessRebound(address, listener)),
    stop: (grace) => close(server, grace),
  };
}

async function bound(server: Server, address: string): Promise<string> {
  if (!address.startsWith(SOCKET))
    return `http://${address.replace(/:\d+$/, `:${await listen(server, address)}`)}`;
  await listenOnSocket(server, address.slice(SOCKET.length));
  return address;
}

const SOCKET = "unix:";
