/** What `node:http` alone takes to send an answer: given as the first argument, sent to everyone who asks. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Answer } from "./served.ts";

const { status, headers, body, keepAliveSeconds } = JSON.parse(process.argv[2] ?? "") as Answer;
const content = body === "" ? null : body;

const server = createServer({ keepAliveTimeout: keepAliveSeconds * 1000 }, (_request, response) => {
  response.writeHead(status, headers as string[]);
  response.end(content);
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
