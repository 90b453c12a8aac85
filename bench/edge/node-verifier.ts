/** The protected route of examples/protected-worker on Node, behind @hono/node-server as fetch handlers are served there. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { authenticate } from "../../dist/verifier/fetch.js";
import { createVerifier } from "../../dist/verifier/index.js";

const [issuer = "", audience = "", jwksUrl = ""] = process.argv.slice(2);
const verifier = createVerifier({ issuer, audience, jwksUrl });

async function answer(request: Request): Promise<Response> {
  const { jwt, response } = await authenticate(verifier, request);
  return response ?? Response.json({ hello: jwt.claims.sub });
}

const server = createServer(getRequestListener(answer));
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
