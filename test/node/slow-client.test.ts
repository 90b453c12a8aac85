/** Clients that take their time on purpose: a connection costs them nothing, and must cost us little. */
import { once } from "node:events";
import { connect } from "node:net";
import { expect, it } from "vitest";
import { ask } from "../http/served.ts";
import { startNew } from "./running.ts";

const HEADERS = "POST /v1/tokens HTTP/1.1\r\nHost: keyturn\r\n";

/** Sends that much, then a byte now and then; what the server says until it hangs up. */
async function dribble(url: string, begin: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  socket.write(begin);
  let sent = 0;
  const dribbling = setInterval(() => socket.write(bytes[sent++ % bytes.length] as string), 500);
  let said = "";
  socket.setEncoding("utf8").on("data", (chunk) => {
    said += chunk;
  });
  // A byte that crosses the answer on its way is answered with a reset.
  socket.on("error", () => undefined);
  await new Promise((resolve) => socket.once("close", resolve));
  clearInterval(dribbling);
  return said;
}

it("hangs up on who does not finish headers or body within ten seconds, and serves everybody else", async () => {
  const { node, headers } = await startNew();
  const body = `${HEADERS}Authorization: ${headers.authorization}\r\nContent-Type: application/json\r\n`;
  const startedAt = performance.now();
  const slow = Promise.all([
    dribble(node.url, HEADERS, "X-Header: x\r\n"),
    dribble(node.url, HEADERS.replace("POST /v1/tokens", "GET /v1/ring"), "X-Header: x\r\n"),
    dribble(node.url, `${body}Content-Length: 4000\r\n\r\n{`, " "),
    dribble(node.url, `${body}Transfer-Encoding: chunked\r\n\r\n`, "1\r\n \r\n"),
  ]);
  const signing = { method: "POST", path: "/v1/tokens", headers, body: '{"claims":{}}' };
  expect((await ask(node.url, signing)).status).toBe(200);
  for (const said of await slow) expect(said).toMatch(/^HTTP\/1\.1 408 /);
  expect(performance.now() - startedAt).toBeLessThan(15_000);
  expect((await ask(node.url, signing)).status).toBe(200);
});
