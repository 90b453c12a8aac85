import { once } from "node:events";
import { readdir, readFile, rm } from "node:fs/promises";
import { Agent, get, request } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import { JWKS_PATH } from "../../src/http/jwks.ts";
import { apiTokensFolder } from "../../src/node/api-tokens.ts";
import { readAuditLog } from "../../src/node/audit-log.ts";
import { serve } from "../../src/node/serve.ts";
import { close, createHttpServer, listen } from "../../src/node/server.ts";
import { ask } from "../http/served.ts";
import { KEK } from "../manager/fleet.ts";
import { configIn, newPlace, put } from "./place.ts";
import { start, startNew, stop } from "./running.ts";

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "none",
    (error) => error.code,
  );
const isFree = (url: string) => codeOf(fetch(url).catch((error) => Promise.reject(error.cause)));

/** A port that something else listens on. */
async function occupied(): Promise<{ address: string; release(): Promise<unknown> }> {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as { port: number };
  return { address: `127.0.0.1:${port}`, release: () => once(other.close(), "close") };
}

describe("a node", () => {
  it("serves, signs and is verified, under the address that it really has", async () => {
    const { node, headers, config } = await startNew();
    expect(node.created).toEqual([config.kekFile, config.apiTokenFile]);
    expect(node.manager.issuer).toBe(node.url);
    const body = '{"claims":{"sub":"user-1","aud":"orders"}}';
    const signed = await ask(node.url, { method: "POST", path: "/v1/tokens", headers, body });
    const discovery = await ask(node.url, { path: "/.well-known/openid-configuration" });
    const { jwks_uri, issuer } = JSON.parse(discovery.body);
    const { payload } = await jwtVerify(
      JSON.parse(signed.body).token,
      createRemoteJWKSet(new URL(jwks_uri)),
      {
        issuer,
        audience: "orders",
      },
    );
    expect(payload.sub).toBe("user-1");
    expect((await ask(node.url, { path: "/readyz" })).status).toBe(200);
  });

  it("keeps the issuer and the JWKS address that it is given", async () => {
    const given = { issuer: "https://auth.example.com", jwksUrl: "https://cdn.example.com/jwks.json" };
    const { node } = await startNew(given);
    const { body } = await ask(node.url, { path: "/.well-known/oauth-authorization-server" });
    expect(JSON.parse(body)).toMatchObject({ issuer: given.issuer, jwks_uri: given.jwksUrl });
    expect(node.manager.issuer).toBe(given.issuer);
  });

  it("is there again after a restart, with the same ring and nothing made", async () => {
    const { config, node } = await startNew();
    const before = node.manager.ring();
    await stop(node);
    const again = await start({ config });
    expect(again.manager.ring()).toEqual(before);
    expect(again.created).toEqual([]);
  });

  it("starts without a readable book of API tokens: the JWKS is served, and callers are told until it can be read", async () => {
    const { config, node: first, headers } = await startNew();
    await stop(first);
    const folder = apiTokensFolder(config);
    const names = await readdir(folder);
    const whole = await Promise.all(names.map((name) => readFile(join(folder, name))));
    for (const name of names) await put(join(folder, name), "{}");
    await rm(config.apiTokenFile);
    const node = await start({ config, init: true });
    expect(node.created).toEqual([]);
    expect((await ask(node.url, { path: JWKS_PATH })).status).toBe(200);
    expect((await ask(node.url, { path: "/readyz" })).status).toBe(503);
    const body = '{"claims":{"sub":"user-1","aud":"orders"}}';
    const sign = () => ask(node.url, { method: "POST", path: "/v1/tokens", headers, body });
    const refused = await sign();
    expect([refused.status, JSON.parse(refused.body).code]).toEqual([503, "api_tokens_corrupt"]);
    for (const [i, name] of names.entries()) await put(join(folder, name), whole[i] as Buffer);
    expect((await sign()).status).toBe(200);
    expect((await ask(node.url, { path: "/readyz" })).status).toBe(200);
  });

  it("takes its secrets out of the environment that it was given", async () => {
    const environment = { KEYTURN_KEK: KEK, KEYTURN_API_TOKEN: `keyturn_${KEK}`, PATH: "/bin" };
    const config = await configIn(await newPlace());
    const node = await start({ config, init: true, environment });
    expect(environment).toEqual({ PATH: "/bin" });
    expect(await readdir(config.folder)).not.toContain("kek");
    const headers = { authorization: `Bearer keyturn_${KEK}`, "content-type": "application/json" };
    const { status } = await ask(node.url, {
      method: "POST",
      path: "/v1/tokens",
      headers,
      body: '{"claims":{}}',
    });
    expect(status).toBe(200);
  });
});

describe("a node that is stopped", () => {
  it("finishes the request under way, takes no other, and has its audit records on disk", async () => {
    const { node, headers, config } = await startNew();
    await node.manager.pause();
    const sent = request(node.url, {
      method: "POST",
      path: "/v1/tokens",
      headers: { ...headers, expect: "100-continue" },
    });
    sent.flushHeaders();
    // The server has it now, and waits for its body.
    await once(sent, "continue");
    let stopped = false;
    const stopping = stop(node).then(() => {
      stopped = true;
    });
    expect(await isFree(node.url)).toBe("ECONNREFUSED");
    expect(stopped).toBe(false);

    sent.end('{"claims":{"sub":"user-1"}}');
    const [response] = await once(sent, "response");
    expect(response.statusCode).toBe(200);
    const body = (await response.toArray()).join("");
    expect(JSON.parse(body)).toHaveProperty("token");
    const answeredAt = performance.now();
    await stopping;
    // The client would keep its connection for 5 s more.
    expect(performance.now() - answeredAt).toBeLessThan(2500);
    expect(await readAuditLog(config.auditLog)).toHaveLength(2);
  });

  it("does not wait for connections that ask nothing", async () => {
    const { node } = await startNew();
    const agent = new Agent({ keepAlive: true });
    const [response] = await once(get(`${node.url}${JWKS_PATH}`, { agent }), "response");
    await response.toArray();
    const startedAt = performance.now();
    await stop(node);
    expect(performance.now() - startedAt).toBeLessThan(5000);
    agent.destroy();
  });
});

describe("a node that cannot start", () => {
  it("because its port is taken, says so and has made nothing", async () => {
    const { address, release } = await occupied();
    const place = await newPlace();
    const config = await configIn(place, { listen: address });
    await expect(serve({ config, init: true })).rejects.toMatchObject({
      code: "config_invalid",
      message: `The server cannot listen on ${address}: another process listens there.`,
      fix: expect.stringContaining("--listen"),
      problems: [{ at: "listen" }],
    });
    expect(await readdir(place)).toEqual([]);
    await release();
  });

  it("because its address is not this machine's, says so and has made nothing", async () => {
    const place = await newPlace();
    const config = await configIn(place, { listen: "192.0.2.1:0", issuer: "https://auth.example.com" });
    await expect(serve({ config, init: true })).rejects.toMatchObject({
      code: "config_invalid",
      message: expect.stringMatching(/^The server cannot listen on 192\.0\.2\.1:0: E\w+\.$/),
    });
    expect(await readdir(place)).toEqual([]);
  });

  it("gives its port back, whatever the reason", async () => {
    const { address, release } = await occupied();
    await release();
    const place = await newPlace();
    const config = await configIn(place, { listen: address });
    expect(await codeOf(serve({ config }))).toBe("ring_missing");
    expect(await readdir(place)).toEqual([]);
    expect(await isFree(`http://${address}`)).toBe("ECONNREFUSED");

    const node = await start({ config, init: true });
    await stop(node);
    await rm(config.kekFile);
    expect(await codeOf(serve({ config }))).toBe("kek_missing");
    await put(config.kekFile, KEK);
    expect(await codeOf(serve({ config }))).toBe("kek_mismatch");
    expect(await isFree(`http://${address}`)).toBe("ECONNREFUSED");
  });

  it("with an API token from others that could be guessed, serves nothing", async () => {
    const { config, node } = await startNew();
    await stop(node);
    await put(config.apiTokenFile, "changeme");
    const refusal = await serve({ config }).catch((error) => error);
    expect(refusal).toMatchObject({ code: "api_token_invalid" });
    expect(refusal.message).not.toContain("changeme");
  });
});

describe("a node that has no ring yet", () => {
  it("answers 503, which no cache may keep, until it has", async () => {
    const { server, serve: ready } = createHttpServer();
    const url = `http://127.0.0.1:${await listen(server, "127.0.0.1:0")}`;
    for (const path of [JWKS_PATH, "/livez", "/readyz", "/v1/tokens"]) {
      const answer = await ask(url, { path });
      expect(answer).toMatchObject({ status: 503, body: "" });
      expect(answer.headers).toMatchObject({ "cache-control": "no-store", "retry-after": "1" });
    }
    ready((_request, response) => response.end("ready"));
    expect((await ask(url, { path: "/" })).body).toBe("ready");
    await close(server, 0);
  });

  it("listens on IPv6 where it is told to", async () => {
    const { server } = createHttpServer();
    const port = await listen(server, "[::1]:0");
    expect((await ask(`http://[::1]:${port}`, { path: "/" })).status).toBe(503);
    await close(server, 0);
  });
});

describe("two nodes in one place", () => {
  it("follow each other by their refreshes", async () => {
    const quick = { refreshSeconds: "1", leaseSeconds: "5" };
    const { config, node } = await startNew(quick);
    const other = await start({ config: await configIn(join(config.folder, ".."), quick) });
    const { emitter } = node.manager.status();
    await node.manager.revoke(emitter, { reason: "leaked" });
    await expect.poll(() => other.manager.status().generation, { timeout: 10_000, interval: 20 }).toBe(2);
    expect((await ask(other.url, { path: JWKS_PATH })).body).not.toContain(emitter);
  });
});
