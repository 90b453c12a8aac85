import { createRemoteJWKSet, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import { JWKS_PATH, type JwksAnswer, jwksAnswers } from "../../src/http/jwks.ts";
import { ISSUER, kidIn, openAlone, SHORT, SHORT_HOLD } from "../manager/fleet.ts";
import { ask, openIssuer } from "./served.ts";

const kidsIn = ({ body }: JwksAnswer): string[] =>
  JSON.parse(body as string).keys.map(({ kid }: { kid: string }) => kid);
const etagIn = ({ headers }: JwksAnswer) => headers[headers.indexOf("ETag") + 1];

/** A ring whose first key has just retired; the JWKS shows it for the length of the retire hold. */
async function turnedOver() {
  const node = await openAlone({ policy: SHORT });
  const first = node.keys.status().emitter;
  node.clock.advance(SHORT.rotateEverySeconds);
  await node.keys.tick();
  expect(kidIn(node.keys, "retiring")).toBe(first);
  return { ...node, first, answers: jwksAnswers(node.keys) };
}

describe("the prepared answer", () => {
  it("is the very same one while nothing changes", async () => {
    const { answers, keys } = await turnedOver();
    const before = answers(undefined);
    await keys.refresh();
    expect(answers(undefined)).toBe(before);
    expect(answers("*")).toBe(answers("*"));
  });

  it("follows every commit at once, with another tag", async () => {
    const { answers, keys, first } = await turnedOver();
    const before = answers(undefined);
    await keys.revoke(first, { reason: "a test" });
    const after = answers(undefined);
    expect(kidsIn(before)).toContain(first);
    expect(kidsIn(after)).not.toContain(first);
    expect(etagIn(after)).not.toBe(etagIn(before));
    expect(answers(etagIn(before)).status).toBe(200);
  });

  it("lets go of a retired key at its acceptUntil, to the second, with no commit and no tick", async () => {
    const { answers, keys, clock, first } = await turnedOver();
    const { generation } = keys.status();
    clock.advance(SHORT_HOLD - 1);
    // Refreshed, so that nothing but the time makes a difference.
    await keys.refresh();
    const before = answers(undefined);
    expect(kidsIn(before)).toContain(first);
    clock.advance(1);
    const after = answers(undefined);
    expect(kidsIn(after)).not.toContain(first);
    expect(etagIn(after)).not.toBe(etagIn(before));
    expect(answers(etagIn(before)).status).toBe(200);
    expect(keys.status().generation).toBe(generation);
  });

  it("shows the key again when the clock turns out to have been ahead", async () => {
    const { answers, keys, clock, first } = await turnedOver();
    const before = answers(undefined);
    clock.wall += SHORT_HOLD;
    await keys.refresh();
    expect(kidsIn(answers(undefined))).not.toContain(first);
    clock.wall -= SHORT_HOLD;
    expect(kidsIn(answers(undefined))).toContain(first);
    expect(etagIn(answers(undefined))).toBe(etagIn(before));
  });

  it("has a Content-Length that counts the bytes of whichever body it is", async () => {
    const { answers, clock } = await turnedOver();
    for (const seconds of [0, SHORT_HOLD]) {
      clock.advance(seconds);
      const { headers, body } = answers(undefined);
      expect(headers[headers.indexOf("Content-Length") + 1]).toBe(String(Buffer.byteLength(body as string)));
    }
  });
});

describe("a verifier", () => {
  it("that reads the JWKS with jose accepts tokens of the old emitter and of the new", async () => {
    const issuer = await openIssuer({ policy: SHORT });
    const jwks = createRemoteJWKSet(new URL(`${await issuer.listen()}${JWKS_PATH}`));
    const verified = async (token: string) => {
      const currentDate = new Date(issuer.clock.wall * 1000);
      return (await jwtVerify(token, jwks, { issuer: ISSUER, currentDate })).protectedHeader.kid;
    };
    issuer.clock.advance(SHORT.rotateEverySeconds);
    const old = await issuer.keys.sign({ sub: "user-1" });
    await issuer.keys.tick();
    const young = await issuer.keys.sign({ sub: "user-1" });
    expect(old.kid).not.toBe(young.kid);
    expect(await verified(old.token)).toBe(old.kid);
    expect(await verified(young.token)).toBe(young.kid);
  });

  it("is refused the token of a revoked key as soon as it reads the JWKS", async () => {
    const issuer = await openIssuer();
    const { token, kid } = await issuer.keys.sign({ sub: "user-1" });
    await issuer.keys.revoke(kid, { reason: "a test" });
    const jwks = createRemoteJWKSet(new URL(`${await issuer.listen()}${JWKS_PATH}`));
    await expect(jwtVerify(token, jwks)).rejects.toMatchObject({ code: "ERR_JWKS_NO_MATCHING_KEY" });
  });
});

describe("the two doors, Hono and the path before it", () => {
  const requests = [
    ["GET", {}],
    ["HEAD", {}],
    ["GET", { "If-None-Match": "*" }],
    ["HEAD", { "If-None-Match": "*" }],
    ["GET", { "If-None-Match": '"other"' }],
    ["OPTIONS", { Origin: "https://app.example.com" }],
    ["POST", {}],
    ["TRACE", {}],
  ] as const;
  for (const [method, headers] of requests) {
    it(`answer ${method} ${JSON.stringify(headers)} alike to the byte`, async () => {
      const issuer = await openIssuer();
      const url = await issuer.listen();
      const { status, sent, body } = await ask(url, { method, path: JWKS_PATH, headers });
      // A query is nothing to the JWKS, but it takes the request past the prepared answer to Hono.
      const byHono = await ask(url, { method, path: `${JWKS_PATH}?`, headers });
      expect({ status, sent, body }).toEqual({ status: byHono.status, sent: byHono.sent, body: byHono.body });
      expect([200, 204, 304, 405]).toContain(status);
      const inProcess = await issuer.app.request(JWKS_PATH, {
        method: method.replace("TRACE", "PUT"),
        headers,
      });
      expect(inProcess.status).toBe(status);
    });
  }

  it("take several If-None-Match headers for one list", async () => {
    const issuer = await openIssuer();
    const url = await issuer.listen();
    const { headers } = await ask(url, { path: JWKS_PATH });
    const tags = ['"other"', headers.etag as string];
    for (const path of [JWKS_PATH, `${JWKS_PATH}?`]) {
      expect((await ask(url, { path, headers: { "If-None-Match": tags } })).status).toBe(304);
    }
  });
});
