/** A JWKS endpoint on a real socket that does to its clients what networks and servers do. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

/** What happens once the head of a request is there. */
export type Behaviour = (socket: Socket) => void;

export interface FaultServer {
  readonly url: string;
  behave: Behaviour;
  /** Connections so far, and how many of them have brought a request. */
  readonly connections: number;
  readonly requests: number;
  /** What has been handed to the kernel, over all connections. */
  bytesSent(): number;
  /** When the last client has hung up. */
  deserted(): Promise<void>;
  /** Refuses connections until `open`. */
  shut(): Promise<void>;
  open(): Promise<void>;
}

export async function faultServer(behave: Behaviour): Promise<FaultServer> {
  const sockets = new Set<Socket>();
  let sentBefore = 0;
  let connections = 0;
  let requests = 0;
  let port = 0;
  const listener: Server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    // The client resets, or is reset: both are what is being tested.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      sockets.delete(socket);
      sentBefore += socket.bytesWritten;
    });
    let head = "";
    socket.on("data", (bytes) => {
      const wasComplete = head.includes("\r\n\r\n");
      head += bytes.toString("latin1");
      if (wasComplete || !head.includes("\r\n\r\n")) return;
      requests++;
      server.behave(socket);
    });
  });

  async function open(): Promise<void> {
    listener.listen(port, "127.0.0.1");
    await once(listener, "listening");
    port = (listener.address() as AddressInfo).port;
  }

  const server: FaultServer = {
    get url() {
      return `http://127.0.0.1:${port}/jwks.json`;
    },
    behave,
    get connections() {
      return connections;
    },
    get requests() {
      return requests;
    },
    bytesSent: () => [...sockets].reduce((sum, socket) => sum + socket.bytesWritten, sentBefore),
    async deserted() {
      for (const socket of sockets) await once(socket, "close");
    },
    async shut() {
      const closed = once(listener, "close");
      listener.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    open,
  };
  await open();
  return server;
}

/** A whole response, after which the connection is closed. */
export function response(
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string | Uint8Array,
): Behaviour {
  return (socket) => {
    socket.write(head(status, { Connection: "close", ...headers }));
    socket.end(body);
  };
}

export function head(status: number, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} Any\r\n${lines.join("")}\r\n`;
}

export function wellFormed(document: unknown): Behaviour {
  const body = JSON.stringify(document);
  return response(
    200,
    { "Content-Type": "application/jwk-set+json", "Content-Length": `${body.length}` },
    body,
  );
}

export const RESET: Behaviour = (socket) => void socket.resetAndDestroy();

export const SILENCE: Behaviour = () => undefined;

/** As much as the client takes, and no more: what is sent tells where it stopped. */
export function endless(status: number, headers: Readonly<Record<string, string>>): Behaviour {
  return (socket) => {
    const spaces = Buffer.alloc(16_384, " ");
    const pour = () => {
      while (!socket.destroyed && socket.write(spaces));
    };
    socket.write(head(status, headers));
    socket.on("drain", pour);
    pour();
  };
}

/** A byte now and then, each in time for any deadline that begins anew with it. */
export function slowly(body: string, milliseconds: number): Behaviour {
  return (socket) => {
    socket.write(head(200, { "Content-Length": `${body.length}` }));
    let at = 0;
    const dripping = setInterval(() => {
      if (at < body.length) socket.write(body.charAt(at++));
      else socket.end();
    }, milliseconds);
    socket.on("close", () => clearInterval(dripping));
  };
}

/** The beginning of a response; then `end` happens to the connection, once that much has been sent. */
export function cutShort(beginning: string, end: Behaviour): Behaviour {
  return (socket) => void socket.write(beginning, () => setImmediate(() => end(socket)));
}
