/** Bytes at the socket of a real server that no client library would send. */
import { once } from "node:events";
import { connect } from "node:net";
import fc from "fast-check";
import { jwksAnswers } from "../../src/http/jwks.ts";
import { close, createHttpServer, listen, listenerOf } from "../../src/node/server.ts";
import type { Row } from "../proof/section.ts";
import { alteredText } from "./alterations.ts";
import { type Extent, searched } from "./search.ts";
import { API_TOKEN, openService } from "./service.ts";

const BODY = '{"claims":{"sub":"user-1"}}';
const LAWFUL = [
  'GET /.well-known/jwks.json HTTP/1.1\r\nHost: a\r\nIf-None-Match: "x"\r\nConnection: close\r\n\r\n',
  `POST /v1/tokens HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${API_TOKEN}\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\nConnection: close\r\n\r\n${BODY}`,
  `POST /v1/tokens HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${API_TOKEN}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1b\r\n${BODY}\r\n0\r\n\r\n`,
  "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
];

/** Two alterations, and now and then two requests in one. */
const sent = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...LAWFUL).chain(alteredText) },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom(...LAWFUL)
      .chain(alteredText)
      .chain(alteredText),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom(...LAWFUL), fc.constantFrom(...LAWFUL)).map((two) => two.join("")),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
  {
    weight: 1,
    arbitrary: fc
      .nat({ max: 40_000 })
      .map((length) => `GET /${"a".repeat(length)} HTTP/1.1\r\nHost: a\r\n\r\n`),
  },
);

export async function socketRows(extent: Extent): Promise<Row[]> {
  const { keys, app } = await openService();
  const { server, serve } = createHttpServer();
  serve(listenerOf(app, jwksAnswers(keys)));
  const port = await listen(server, "127.0.0.1:0");
  const statuses = new Map<string, number>();
  const property = fc.asyncProperty(sent, async (bytes) => {
    const answer = await answerTo(port, bytes);
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? "closed";
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (answer !== "" && status === "closed") throw new Error(`Not HTTP: ${answer.slice(0, 80)}`);
    if (status.startsWith("5")) throw new Error(`Status ${status}: ${answer.slice(0, 400)}`);
  });
  try {
    const counted = () =>
      [...statuses]
        .sort()
        .map(([status, times]) => `${status} × ${times}`)
        .join(", ");
    const row = await searched("bytes at the socket of a server", property, extent, counted);
    const alive = (
      await answerTo(port, "GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    ).startsWith("HTTP/1.1 200 ");
    return [
      row,
      { what: "the server lives on after them", figure: alive ? "it does" : "it does not", ok: alive },
    ];
  } finally {
    await close(server, 0);
  }
}

/** All that comes back until the server closes the connection; this side is closed once all is sent. */
async function answerTo(port: number, bytes: string): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  let answer = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => (answer += chunk));
  // A server may cut off who makes no sense.
  const closed = new Promise<void>(
    (resolve) =>
      void socket
        .on("error", () => resolve())
        .on("close", () => resolve())
        .on("end", () => resolve()),
  );
  await Promise.race([once(socket, "connect"), closed]);
  socket.end(Buffer.from(bytes));
  await closed;
  socket.destroy();
  return answer;
}
