/** What `node:http` and `node:crypto` alone take to read a body of claims and answer with a signed token. */
import { generateKeyPairSync, sign } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const header = Buffer.from(JSON.stringify({ alg: "ES256", typ: "JWT", kid: "k".repeat(43) })).toString(
  "base64url",
);

function token(body: string): string {
  const { claims } = JSON.parse(body) as { claims: object };
  const now = Math.floor(Date.now() / 1000);
  const set = { iss: "http://127.0.0.1", iat: now, exp: now + 900, jti: crypto.randomUUID(), ...claims };
  const input = `${header}.${Buffer.from(JSON.stringify(set)).toString("base64url")}`;
  const signature = sign("sha256", Buffer.from(input), { key: privateKey, dsaEncoding: "ieee-p1363" });
  return `${input}.${signature.toString("base64url")}`;
}

const server = createServer((request, response) => {
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (chunk: string) => {
    body += chunk;
  });
  request.on("end", () => {
    const answer = JSON.stringify({ token: token(body), kid: "k".repeat(43), expiresAt: 2_000_000_000 });
    response.writeHead(200, {
      "Content-Type": "application/json",
      "Content-Length": Buffer.byteLength(answer),
    });
    response.end(answer);
  });
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
