/**
 * The client side of every HTTP measurement: keep-alive connections over bare sockets, one request
 * under way on each. Of an answer it looks at nothing but status and length, so that it is faster
 * than the server that it measures.
 */
import { connect, type Socket } from "node:net";
import { median } from "./interleave.ts";
import type { Load, Series, Served } from "./load.ts";

/** `HTTP/1.1 200` */
const STATUS = { start: 9, end: 12 };
const HEAD_END = Buffer.from("\r\n\r\n");
const LENGTH_FIELD = /\ncontent-length: (\d+)/i;

const known = new Map<string, readonly Buffer[]>();
/** How far each port has come in each series. */
const positions = new Map<string, number>();

process.on("message", (message: Load | Series) => {
  if ("requests" in message) {
    known.set(
      message.series,
      message.requests.map((request) => Buffer.from(request)),
    );
    process.send?.({});
    return;
  }
  run(message).then(
    (served) => process.send?.(served),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});

/**
 * The clock starts when every connection has had its first answer and stops at the last one asked for. Then each connection closes after the answer that
 * is still on its way: a server never sees one torn down.
 */
function run(load: Load): Promise<Served> {
  const nextRequest = requestsOf(load);
  const askedAt = new Map<Socket, number>();
  const took: number[] = [];
  const sockets: Socket[] = [];
  let warm = 0;
  let answers = 0;
  let startedAt = 0;
  let stoppedAt: number | null = null;
  let closed = 0;

  return new Promise((resolve, reject) => {
    function answered(socket: Socket, first: boolean): void {
      if (first) begin();
      else count(socket);
    }

    function begin(): void {
      warm += 1;
      if (warm < load.connections) return;
      startedAt = performance.now();
      for (const socket of sockets) send(socket);
    }

    function send(socket: Socket): void {
      askedAt.set(socket, performance.now());
      socket.write(nextRequest());
    }

    function count(socket: Socket): void {
      if (stoppedAt === null) {
        answers += 1;
        took.push(performance.now() - (askedAt.get(socket) ?? startedAt));
        if (isLast()) stoppedAt = performance.now();
      }
      if (load.restMilliseconds === undefined) ask(socket);
      else setTimeout(ask, load.restMilliseconds, socket);
    }

    function isLast(): boolean {
      if (load.answers !== undefined) return answers >= load.answers;
      return performance.now() - startedAt >= (load.milliseconds ?? 0);
    }

    function ask(socket: Socket): void {
      if (stoppedAt === null) {
        send(socket);
        return;
      }
      socket.destroy();
      closed += 1;
      if (closed < sockets.length) return;
      resolve({ answers, milliseconds: stoppedAt - startedAt, p50Milliseconds: median(took) });
    }

    function failed(error: Error): void {
      for (const socket of sockets) socket.destroy();
      reject(error);
    }

    for (let opened = 0; opened < load.connections; opened++) {
      sockets.push(open(load, nextRequest, answered, failed));
    }
  });
}

function requestsOf({ request, port }: Load): () => Buffer {
  if (typeof request === "string") {
    const only = Buffer.from(request);
    return () => only;
  }
  const requests = known.get(request.series) ?? [];
  const key = `${port} ${request.series}`;
  return () => {
    const position = positions.get(key) ?? 0;
    positions.set(key, (position + 1) % requests.length);
    return requests[position] as Buffer;
  };
}

function open(
  load: Load,
  nextRequest: () => Buffer,
  answered: (socket: Socket, first: boolean) => void,
  failed: (error: Error) => void,
): Socket {
  let first = true;
  let missing = 0;

  function take(size: number, bytes: Buffer): void {
    if (missing === 0) {
      const status = Number(bytes.toString("latin1", STATUS.start, STATUS.end));
      if (status !== load.status) throw new Error(`Status ${status} instead of ${load.status}`);
      missing = answerLength(bytes.subarray(0, size));
    }
    missing -= size;
    if (missing < 0) throw new Error("More bytes than an answer has");
    if (missing > 0) return;
    answered(socket, first);
    first = false;
  }

  // One buffer for all that comes in, where streams would make one for each chunk.
  function onread(size: number, bytes: Uint8Array): boolean {
    try {
      take(size, bytes as Buffer);
    } catch (error) {
      failed(error as Error);
    }
    return true;
  }

  const socket = connect({
    host: "127.0.0.1",
    port: load.port,
    noDelay: true,
    onread: { buffer: Buffer.allocUnsafe(65_536), callback: onread },
  });
  socket.on("connect", () => socket.write(nextRequest()));
  socket.on("error", failed);
  socket.on("end", () => failed(new Error("The server closed a connection")));
  return socket;
}

function answerLength(bytes: Buffer): number {
  const head = bytes.indexOf(HEAD_END) + HEAD_END.length;
  if (head < HEAD_END.length) throw new Error("The head of an answer came in pieces");
  // A 304 has no length, and no body.
  const [, length = 0] = LENGTH_FIELD.exec(bytes.toString("latin1", 0, head)) ?? [];
  return head + Number(length);
}
