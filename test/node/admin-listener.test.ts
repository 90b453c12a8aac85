import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, stat } from "node:fs/promises";
import type { OutgoingHttpHeaders } from "node:http";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, expect, it } from "vitest";
import { serve } from "../../src/node/serve.ts";
import { ask, expectProblem } from "../http/served.ts";
import { configIn, newPlace, put } from "./place.ts";
import { askSocket, bearing, holding, start, startNew, stop } from "./running.ts";

/** Paths that are the control plane's alone. */
const CONTROL = ["/v1/ring", "/v1/audit", "/v1/api-tokens", "/openapi.json", "/metrics"];

/** An address of this machine that is not loopback. */
const outside = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === "IPv4" && !internal);

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "none",
    (error) => error.code,
  );

/** All that may be told of a path: what stands in the answer, the path itself aside. */
const bare = ({ status, sent, body }: Awaited<ReturnType<typeof ask>>) => ({ status, sent, body });

describe("the admin API beside the public routes", () => {
  it("answers callers on this machine", async () => {
    const { node, config } = await startNew();
    const { headers } = await holding(config, "operator");
    const ring = await ask(node.url, { path: "/v1/ring", headers });
    expect(ring.status).toBe(200);
    expect(ring.headers.etag).toBe(`"${node.manager.ring().id}.1"`);
    const paused = await ask(node.url, {
      method: "POST",
      path: "/v1/ring/pause",
      headers: { ...headers, "if-match": ring.headers.etag },
      body: '{"reason":"a test"}',
    });
    expect(paused.status).toBe(200);
    expect(node.manager.status()).toMatchObject({ pausedAt: expect.any(Number), generation: 2 });
    expect((await ask(node.url, { path: "/openapi.json" })).status).toBe(200);
    const metrics = { path: "/metrics?a=b" };
    expect((await ask(node.url, { ...metrics, headers })).body).toContain("keyturn_ring_generation 2");
    // A proxy that says nothing of itself looks like this machine.
    expectProblem(await ask(node.url, metrics), 401, "unauthenticated");
    expectProblem(await ask(node.url, { path: "/v1/ring" }), 401, "unauthenticated");
    expect(node.adminUrl).toBe(node.url);
  });

  it("is not there for callers for whom a proxy speaks, whatever token they have", async () => {
    const { node, config } = await startNew();
    const { headers } = await holding(config, "security");
    const nowhere = bare(await ask(node.url, { path: "/v1/nowhere", headers }));
    expect(nowhere.status).toBe(404);
    const proxied: readonly OutgoingHttpHeaders[] = [
      { "x-forwarded-for": "203.0.113.9" },
      { "X-Forwarded-For": "127.0.0.1" },
      { forwarded: "for=203.0.113.9" },
      { "x-real-ip": "203.0.113.9" },
      { "x-forwarded-proto": "https" },
      { "x-forwarded-host": "auth.example.com" },
      { via: "1.1 edge" },
      { "x-forwarded-for": "" },
    ];
    for (const path of CONTROL)
      for (const more of proxied) {
        const answer = await ask(node.url, { path, headers: { ...headers, ...more } });
        expect(bare(answer), `${path} ${JSON.stringify(more)}`).toEqual(nowhere);
      }
    const turned = await ask(node.url, {
      method: "POST",
      path: "/v1/ring/rotate",
      headers: { ...headers, "if-match": "*", "x-forwarded-for": "203.0.113.9" },
      body: "{}",
    });
    expect(turned.status).toBe(404);
    expect(node.manager.status().generation).toBe(1);
  });

  it("is not there under a name that a web page could have led here, but under those that it cannot", async () => {
    const { node, config } = await startNew();
    const { headers } = await holding(config, "security");
    const { port } = new URL(node.url);
    for (const path of CONTROL) {
      const under = async (host: string) =>
        (await ask(node.url, { path, headers: { ...headers, host: `${host}:${port}` } })).status;
      for (const host of [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "auth.internal",
      ])
        expect(await under(host), `${host} ${path}`).toBe(404);
      for (const host of ["127.0.0.1", "[::1]", "localhost", "LOCALHOST"])
        expect(await under(host), `${host} ${path}`).toBe(200);
    }
  });

  it("leaves such callers what is the public's: JWKS, signing, and their own API token", async () => {
    const { node, headers: own } = await startNew();
    const headers = { ...own, "x-forwarded-for": "203.0.113.9" };
    const signing = { method: "POST", path: "/v1/tokens", headers, body: '{"claims":{}}' };
    expect((await ask(node.url, signing)).status).toBe(200);
    expect((await ask(node.url, { path: "/.well-known/jwks.json", headers })).status).toBe(200);
    const self = await ask(node.url, { path: "/v1/api-tokens/self", headers });
    expect(self.status).toBe(200);
    const { id } = JSON.parse(self.body);
    const turned = { method: "POST", path: `/v1/api-tokens/${id}/rotate`, headers, body: "{}" };
    expect((await ask(node.url, turned)).status).toBe(200);
  });

  it.skipIf(outside === undefined)("is not there for callers on other addresses", async () => {
    const issuer = "https://auth.example.com";
    const { node, config } = await startNew({ listen: "0.0.0.0:0", issuer });
    const { headers } = await holding(config, "security");
    const { port } = new URL(node.url);
    const [near, far] = [`http://127.0.0.1:${port}`, `http://${outside?.address}:${port}`];
    for (const path of CONTROL) {
      expect((await ask(near, { path, headers })).status, path).toBe(200);
      expect((await ask(far, { path, headers })).status, path).toBe(404);
    }
    expect((await ask(far, { path: "/.well-known/jwks.json" })).status).toBe(200);
  });
});

describe("the admin API on an address of its own", () => {
  it("is there, whoever asks, and nowhere else", async () => {
    const { node, config, headers: signer } = await startNew({ adminListen: "127.0.0.1:0" });
    const { headers } = await holding(config, "security");
    const adminUrl = node.adminUrl as string;
    expect(adminUrl).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
    for (const path of CONTROL) {
      expect((await ask(node.url, { path, headers })).status, path).toBe(404);
      const proxied = { ...headers, "x-forwarded-for": "203.0.113.9" };
      expect((await ask(adminUrl, { path, headers: proxied })).status, path).toBe(200);
    }
    const signing = { method: "POST", path: "/v1/tokens", headers: signer, body: '{"claims":{}}' };
    expect((await ask(node.url, signing)).status).toBe(200);
    expect((await ask(adminUrl, signing)).status).toBe(404);
    expect((await ask(adminUrl, { path: "/.well-known/jwks.json" })).status).toBe(404);
  });

  it("is, on loopback, no web page's under a name that it has led here, and with an API token everyone's", async () => {
    const { node, config } = await startNew({ adminListen: "127.0.0.1:0" });
    const { headers } = await holding(config, "security");
    const adminUrl = node.adminUrl as string;
    const host = "evil.example:3001";
    for (const path of ["/metrics", "/openapi.json"]) {
      for (const more of [{}, { Origin: `http://${host}` }]) {
        const answer = await ask(adminUrl, { path, headers: { host, ...more } });
        expect(expectProblem(answer, 403, "cross_origin").fix).toContain("localhost");
        expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
      }
      expect((await ask(adminUrl, { path, headers: { host, ...headers } })).status).toBe(200);
      expect((await ask(adminUrl, { path, headers: { host: "localhost" } })).status).toBe(200);
    }
    const port = new URL(node.url).port;
    const jwks = { path: "/.well-known/jwks.json", headers: { host: `evil.example:${port}` } };
    expect((await ask(node.url, jwks)).status).toBe(200);
  });

  it.skipIf(outside === undefined)("goes by any name where other machines reach it", async () => {
    const { node } = await startNew({ adminListen: "0.0.0.0:0" });
    const { port } = new URL(node.adminUrl as string);
    const named = { path: "/metrics", headers: { host: `keyturn-1.internal:${port}` } };
    expect((await ask(`http://${outside?.address}:${port}`, named)).status).toBe(200);
    expectProblem(await ask(`http://127.0.0.1:${port}`, named), 403, "cross_origin");
  });

  it("ends with the node", async () => {
    const { node } = await startNew({ adminListen: "127.0.0.1:0" });
    await stop(node);
    const refusal = await fetch(node.adminUrl as string).catch((error) => error.cause.code);
    expect(refusal).toBe("ECONNREFUSED");
  });

  it("that is taken keeps the node from starting, which gives its public port back", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = `127.0.0.1:${(other.address() as { port: number }).port}`;
    const place = await newPlace();
    const config = await configIn(place, { adminListen: address });
    await expect(serve({ config, init: true })).rejects.toMatchObject({
      code: "config_invalid",
      message: `The server cannot listen on ${address}: another process listens there.`,
      fix: expect.stringContaining("--admin-listen"),
      problems: [{ at: "adminListen" }],
    });
    await once(other.close(), "close");
    // Nothing of the attempt is left: neither a ring, nor what the next one would stumble over.
    expect(await readdir(place)).toEqual([]);
    await start({ config, init: true });
  });
});

describe("the admin API on a Unix socket", () => {
  const onSocket = async (more: Readonly<Record<string, string>> = {}) => {
    const path = join(await newPlace(), "run", "admin.sock");
    return { path, flags: { adminListen: `unix:${path}`, ...more } };
  };

  it("is there for the owner of the process alone, and gone with the node", async () => {
    const { path, flags } = await onSocket();
    const { node, config } = await startNew(flags);
    expect(node.adminUrl).toBe(`unix:${path}`);
    const found = await stat(path);
    expect({ isSocket: found.isSocket(), mode: found.mode & 0o777 }).toEqual({ isSocket: true, mode: 0o600 });
    expect((await stat(join(path, ".."))).mode & 0o777).toBe(0o700);
    const { headers } = await holding(config, "operator");
    expect(await askSocket(path, "/v1/ring", headers)).toMatchObject({ status: 200 });
    expect((await askSocket(path, "/metrics")).body).toContain("keyturn_can_sign 1");
    expect((await askSocket(path, "/v1/ring")).status).toBe(401);
    expect((await ask(node.url, { path: "/v1/ring", headers })).status).toBe(404);
    await stop(node);
    expect(await codeOf(stat(path))).toBe("ENOENT");
  });

  it("that a killed process left behind is replaced", async () => {
    const { path, flags } = await onSocket();
    const folder = await newPlace();
    const left = join(folder, "admin.sock");
    await killed(left);
    expect((await stat(left)).isSocket()).toBe(true);
    expect(path).not.toBe(left);
    const { config } = await startNew({ ...flags, adminListen: `unix:${left}` });
    const { headers } = await holding(config, "operator");
    expect((await askSocket(left, "/v1/ring", headers)).status).toBe(200);
    expect((await stat(left)).mode & 0o777).toBe(0o600);
  });

  it("on which another node listens is left to it", async () => {
    const { path, flags } = await onSocket();
    const { config } = await startNew(flags);
    const another = await configIn(await newPlace(), flags);
    await expect(serve({ config: another, init: true })).rejects.toMatchObject({
      code: "config_invalid",
      problems: [{ at: "adminListen" }],
    });
    const { headers } = await holding(config, "operator");
    expect((await askSocket(path, "/v1/ring", headers)).status).toBe(200);
  });

  it("takes the place of no other file", async () => {
    const place = await newPlace({ notes: "not to be lost" });
    const path = join(place, "notes");
    const config = await configIn(await newPlace(), { adminListen: `unix:${path}` });
    expect(await codeOf(serve({ config, init: true }))).toBe("config_invalid");
    expect(await readFile(path, "utf8")).toBe("not to be lost");
  });

  it("where no folder can be made says what to do", async () => {
    const place = await newPlace();
    await put(join(place, "run"), "a file where the folder should be");
    const config = await configIn(place, { adminListen: `unix:${join(place, "run", "admin.sock")}` });
    await expect(serve({ config, init: true })).rejects.toMatchObject({
      code: "store_unavailable",
      message: expect.stringContaining("make the folder"),
    });
  });
});

describe("the admin API that is off", () => {
  it("is nowhere, while the node signs", async () => {
    const { node, config, headers: signer } = await startNew({ adminListen: "off" });
    const { token } = await holding(config, "security");
    expect(node.adminUrl).toBeNull();
    for (const path of CONTROL)
      expect((await ask(node.url, { path, headers: bearing(token) })).status, path).toBe(404);
    const signing = { method: "POST", path: "/v1/tokens", headers: signer, body: '{"claims":{}}' };
    expect((await ask(node.url, signing)).status).toBe(200);
  });
});

/** Leaves a socket at that path on which nobody listens any more. */
async function killed(path: string): Promise<void> {
  const listening = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => console.log("."))`;
  const child: ChildProcess = spawn(process.execPath, ["-e", listening], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout as NonNullable<typeof child.stdout>, "data");
  child.kill("SIGKILL");
  await once(child, "close");
}
