/** Whatever happens on a real connection: the old keys go on, the reason is told, and a good answer ends it. */
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createVerifier, type Verifier, type VerifierEvent } from "../../src/verifier/index.ts";
import { type ManualClock, manualClock } from "../manager/manual-clock.ts";
import {
  type Behaviour,
  cutShort,
  endless,
  type FaultServer,
  faultServer,
  head,
  RESET,
  response,
  SILENCE,
  slowly,
  wellFormed,
} from "./fault-server.ts";
import { AUDIENCE, ISSUER, NOW, verdictOf } from "./sample-issuer.ts";
import { KEY, NEXT_KEY, tokenOf } from "./scripted-issuer.ts";

const GOOD = wellFormed({ keys: [KEY.jwk] });
const BETTER = wellFormed({ keys: [KEY.jwk, NEXT_KEY.jwk] });
const WHOLE = JSON.stringify({ keys: [KEY.jwk, NEXT_KEY.jwk] });
const MEBIBYTE = 1024 * 1024;

let server: FaultServer;
let elsewhere: FaultServer;
beforeAll(async () => {
  server = await faultServer(GOOD);
  elsewhere = await faultServer(BETTER);
});
afterAll(async () => {
  await server.shut();
  await elsewhere.shut();
});

let verifier: Verifier;
let clock: ManualClock;
let events: VerifierEvent[];
beforeEach(async () => {
  server.behave = GOOD;
  clock = manualClock(NOW);
  events = [];
  verifier = createVerifier({
    issuer: ISSUER,
    audience: AUDIENCE,
    jwksUrl: server.url,
    fetchSeconds: 0.8,
    clock,
    random: () => 0.5,
    onEvent: (event) => events.push(event),
  });
  await verifier.warm();
  expect(verifier.health().status).toBe("ok");
});

/** One token and all that it sets off. */
async function verdictAndRefresh(token: string): Promise<string> {
  const works: Promise<unknown>[] = [];
  const verdict = await verifier
    .verify(token, { waitUntil: (work) => void works.push(work) })
    .then(() => "accepted", String);
  await Promise.all(works);
  return verdict;
}

async function expectSurvived(because: string, status: number | null, pauseSeconds = 1): Promise<void> {
  clock.advance(600);
  expect(await verdictOf(verifier, tokenOf(KEY))).toBe("accepted");
  expect(events.filter(({ type }) => type === "jwks_failed")).toEqual([
    expect.objectContaining({ because, status }),
  ]);
  expect(verifier.health().issuers[0]).toMatchObject({ status: "stale", kids: ["key-1"], failures: 1 });
  server.behave = BETTER;
  clock.advance(pauseSeconds);
  expect(await verdictAndRefresh(tokenOf(KEY))).toBe("accepted");
  expect(await verdictOf(verifier, tokenOf(NEXT_KEY))).toBe("accepted");
  expect(verifier.health()).toMatchObject({ status: "ok", issuers: [{ failures: 0, lastFailure: null }] });
}

const chunk = `${WHOLE.length.toString(16)}\r\n${WHOLE}\r\n`;

describe.each<[string, Behaviour, string, number | null]>([
  ["a reset before any answer", RESET, "network", null],
  ["an end before any answer", (socket) => void socket.end(), "network", null],
  [
    "a reset in the body",
    cutShort(head(200, { "Content-Length": "5000" }) + WHOLE.slice(0, 40), RESET),
    "network",
    null,
  ],
  ["no answer at all", SILENCE, "timeout", null],
  ["headers and then nothing", cutShort(head(200, { "Content-Length": "5000" }), SILENCE), "timeout", null],
  ["half of the headers", cutShort("HTTP/1.1 200 OK\r\nContent-Ty", SILENCE), "timeout", null],
  ["a body that comes byte by byte", slowly(WHOLE, 20), "timeout", null],
  ["a Content-Length that is too long", response(200, { "Content-Length": "9999" }, WHOLE), "network", null],
  ["a Content-Length that is too short", response(200, { "Content-Length": "20" }, WHOLE), "not_a_jwks", 200],
  [
    "chunks without the last one",
    cutShort(head(200, { "Transfer-Encoding": "chunked" }) + chunk, (socket) => void socket.end()),
    "network",
    null,
  ],
  ["another protocol", cutShort("SSH-2.0-OpenSSH\r\n", SILENCE), "network", null],
  ["headers without end", cutShort(head(200, { "X-Long": "x".repeat(500_000) }), SILENCE), "network", null],
  [
    "a body that is not compressed as it says",
    response(200, { "Content-Encoding": "gzip" }, WHOLE),
    "network",
    null,
  ],
  ["HTML", response(200, { "Content-Type": "text/html" }, "<!doctype html>"), "not_a_jwks", 200],
  ["nothing, with status 200", response(200, { "Content-Length": "0" }, ""), "not_a_jwks", 200],
  ["204", response(204, {}, ""), "status", 204],
  ["404", response(404, {}, WHOLE), "status", 404],
  ["500", response(500, {}, WHOLE), "status", 500],
])("%s", (_, behaviour, because, status) => {
  it("is survived", async () => {
    server.behave = behaviour;
    await expectSurvived(because, status);
  });
});

it("a refused connection is survived", async () => {
  await server.shut();
  clock.advance(600);
  expect(await verdictOf(verifier, tokenOf(KEY))).toBe("accepted");
  expect(verifier.health().issuers[0]).toMatchObject({ status: "stale", lastFailure: "network" });
  await server.open();
  server.behave = BETTER;
  clock.advance(1);
  await verdictAndRefresh(tokenOf(KEY));
  expect(await verdictOf(verifier, tokenOf(NEXT_KEY))).toBe("accepted");
});

it("429 is survived, and asked again when the server wants it", async () => {
  server.behave = response(429, { "Retry-After": "20" }, "");
  const before = server.requests;
  clock.advance(600);
  await verdictOf(verifier, tokenOf(KEY));
  expect(events.at(-2)).toMatchObject({ because: "status", status: 429, retrySeconds: 20 });
  server.behave = BETTER;
  clock.advance(19.9);
  expect(await verdictAndRefresh(tokenOf(KEY))).toBe("accepted");
  expect(server.requests - before).toBe(1);
  clock.advance(0.1);
  await verdictAndRefresh(tokenOf(KEY));
  expect(await verdictOf(verifier, tokenOf(NEXT_KEY))).toBe("accepted");
});

describe.each([301, 302, 303, 307, 308])("a redirect by %d", (status) => {
  it("is survived, and where it leads is never asked", async () => {
    server.behave = response(status, { Location: elsewhere.url, "Content-Length": "0" }, "");
    await expectSurvived("redirect", status);
    expect(elsewhere.connections).toBe(0);
  });
});

describe("a body without end", () => {
  it.each<[string, Behaviour, string, number]>([
    ["of white space", endless(200, {}), "too_large", 200],
    ["that says it is short", endless(200, { "Content-Length": "999999999999" }), "too_large", 200],
    ["of an error", endless(500, {}), "status", 500],
    ["of a redirect", endless(302, { Location: "/" }), "redirect", 302],
  ])("%s is left after little of it, and its connection too", async (_, behaviour, because, status) => {
    const before = server.bytesSent();
    server.behave = behaviour;
    await expectSurvived(because, status);
    // What fits into the buffers of two sockets; at full speed it would be gigabytes.
    expect(server.bytesSent() - before).toBeLessThan(16 * MEBIBYTE);
    await server.deserted();
  });

  it("in few compressed bytes counts for what it is when it is unpacked", async () => {
    const bomb = gzipSync(Buffer.alloc(64 * MEBIBYTE, " "));
    expect(bomb.length).toBeLessThan(65_536);
    server.behave = response(200, { "Content-Encoding": "gzip", "Content-Length": `${bomb.length}` }, bomb);
    await expectSurvived("too_large", 200);
  });
});

describe("an answer that is as it should be", () => {
  it.each<[string, Behaviour]>([
    ["compressed", response(200, { "Content-Encoding": "gzip" }, gzipSync(WHOLE))],
    ["in chunks", response(200, { "Transfer-Encoding": "chunked" }, `${chunk}0\r\n\r\n`)],
    ["until the connection ends", response(200, {}, WHOLE)],
    [
      "in two pieces",
      cutShort(head(200, {}) + WHOLE.slice(0, 50), (socket) => void socket.end(WHOLE.slice(50))),
    ],
    ["as plain text", response(200, { "Content-Type": "text/plain" }, WHOLE)],
  ])("is taken: %s", async (_, behaviour) => {
    server.behave = behaviour;
    clock.advance(600);
    await verifier.warm();
    expect(verifier.health()).toMatchObject({ issuers: [{ kids: ["key-1", "key-2"], failures: 0 }] });
  });
});

it("a verifier without keys is unavailable after the deadline, and sends one request for fifty tokens", async () => {
  const cold = createVerifier({
    issuer: ISSUER,
    audience: AUDIENCE,
    jwksUrl: server.url,
    fetchSeconds: 0.2,
    clock,
  });
  server.behave = SILENCE;
  const before = server.requests;
  const verdicts = await Promise.all(Array.from({ length: 50 }, () => verdictOf(cold, tokenOf(KEY))));
  expect(new Set(verdicts)).toEqual(new Set(["keys_not_loaded"]));
  expect(server.requests - before).toBe(1);
});
