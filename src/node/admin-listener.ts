/**
 * Where the admin API answers. Beside the public routes it answers callers on this machine alone,
 * and not those that a proxy on this machine speaks for: what such a proxy forwards comes from
 * anywhere. Whoever is to reach it from elsewhere is given a listener of its own.
 */
import type { IncomingMessage, RequestListener, Server } from "node:http";
import { close, createHttpServer, listen, listenOnSocket } from "./server.ts";

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

/** Answers callers on this machine with `everything`, all others with `publicOnly`. */
export function byCaller(publicOnly: RequestListener, everything: RequestListener): RequestListener {
  return (request, response) => (isFromHere(request) ? everything : publicOnly)(request, response);
}

export function isFromHere({ socket, headers }: Pick<IncomingMessage, "socket" | "headers">): boolean {
  const isLoopback = LOOPBACK.test(socket.remoteAddress ?? "");
  return isLoopback && !FORWARDED.some((name) => headers[name] !== undefined);
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
  return { url: await bound(server, address), serve, stop: (grace) => close(server, grace) };
}

async function bound(server: Server, address: string): Promise<string> {
  if (!address.startsWith(SOCKET))
    return `http://${address.replace(/:\d+$/, `:${await listen(server, address)}`)}`;
  await listenOnSocket(server, address.slice(SOCKET.length));
  return address;
}

const SOCKET = "unix:";
