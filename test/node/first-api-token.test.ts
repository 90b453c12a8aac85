/** The API token that a new node makes, from its making to its end, and those that others give. */
import { existsSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { apiTokensFolder, createFirstToken } from "../../src/node/api-tokens.ts";
import { notesFileOf } from "../../src/node/audit/notes-file.ts";
import { keyturn } from "../cli/keyturn.ts";
import { givenToken } from "../http/given-token.ts";
import { ask } from "../http/served.ts";
import { opened, openedTokens } from "./opened.ts";
import { configIn, newPlace, put } from "./place.ts";
import { bearing, start, startNew, stop } from "./running.ts";

/** A revocation is known by the next refresh, long before a lease runs out. */
const QUICK = { refreshSeconds: "1", leaseSeconds: "60" };

type Headers = ReturnType<typeof bearing>;

const sign = async (url: string, headers: Headers) =>
  (await ask(url, { method: "POST", path: "/v1/tokens", headers, body: '{"claims":{}}' })).status;

async function self(url: string, headers: Headers) {
  const { status, body } = await ask(url, { path: "/v1/api-tokens/self", headers });
  return { status, ...JSON.parse(body) };
}

describe("the first API token of a new node", () => {
  it("stands in the book, and may sign for ever and do nothing else", async () => {
    const { node, config, headers } = await startNew();
    expect(await self(node.url, headers)).toMatchObject({
      status: 200,
      ...{ name: "first", role: "signer", scope: null, expiresAt: null, successor: null },
    });
    expect(await sign(node.url, headers)).toBe(200);
    expect((await ask(node.url, { path: "/v1/ring", headers })).status).toBe(403);
    const tokens = (await openedTokens(config)).list();
    expect(tokens).toMatchObject([{ name: "first", role: "signer", phase: "valid" }]);
    expect(await readFile(notesFileOf(config.auditLog), "utf8")).toContain('"event":"issued"');
  });

  it("is one also where two nodes start at once: the other's is revoked", async () => {
    const config = await configIn(await newPlace());
    const ring = await opened(config, { KEYTURN_API_TOKEN: "given" }, true);
    const both = [0, 1].map(() => createFirstToken(config, ring.apiTokens, {}));
    expect((await Promise.all(both)).flat()).toEqual([config.apiTokenFile]);
    const apiTokens = await ring.apiTokens();
    const [kept] = apiTokens.list().filter(({ phase }) => phase === "valid");
    const caller = await apiTokens.authenticate((await readFile(config.apiTokenFile, "utf8")).trim());
    expect(caller?.id).toBe(kept?.id);
    expect(apiTokens.list().map(({ phase }) => phase)).toEqual(expect.arrayContaining(["valid", "revoked"]));
  });

  it("is rotated by whoever holds it, and both are good during the overlap", async () => {
    const { node, headers } = await startNew();
    const { id } = await self(node.url, headers);
    const rotate = () =>
      ask(node.url, { method: "POST", path: `/v1/api-tokens/${id}/rotate`, headers, body: "{}" });
    const answer = await rotate();
    expect(answer.status).toBe(200);
    const { token, apiToken } = JSON.parse(answer.body);
    expect(JSON.parse((await rotate()).body).token).toBe(token);
    for (const good of [headers, bearing(token)]) expect(await sign(node.url, good)).toBe(200);
    expect(await self(node.url, headers)).toMatchObject({ id, successor: apiToken.id });
    expect(await self(node.url, bearing(token))).toMatchObject({ id: apiToken.id, name: "first" });
  });

  it("is refused once it was revoked on the host, which the audit log tells", async () => {
    const { place, node, config, headers } = await startNew(QUICK);
    const { id } = await self(node.url, headers);
    const args = ["api-token", "revoke", id, "--reason", "it leaked", "--yes"];
    expect(await keyturn(place, args)).toMatchObject({ status: 0, stderr: "" });
    await expect.poll(() => sign(node.url, headers), { timeout: 10_000, interval: 50 }).toBe(401);
    const notes = (await readFile(notesFileOf(config.auditLog), "utf8")).split("\n");
    const [revoked] = notes.filter((line) => line.includes('"revoked"')).map((line) => JSON.parse(line));
    expect(revoked.apiToken).toMatchObject({ event: "revoked", id, name: "first", reason: "it leaked" });
  });

  it("is made once: not again when its file has gone, nor when it has been revoked", async () => {
    const { node, config, headers } = await startNew();
    await stop(node);
    await rm(config.apiTokenFile);
    const again = await start({ config, init: true });
    expect(again.created).toEqual([]);
    expect(existsSync(config.apiTokenFile)).toBe(false);
    expect(await sign(again.url, headers)).toBe(200);
    expect((await openedTokens(config)).list()).toHaveLength(1);
  });
});

describe("an API token from others", () => {
  it("signs as long as it is in the file, and is in no book", async () => {
    const config = await configIn(await newPlace());
    const token = givenToken();
    await mkdir(config.folder, { mode: 0o700 });
    await put(config.apiTokenFile, `${token}\n`);
    const node = await start({ config, init: true });
    expect(node.created).toEqual([config.kekFile]);
    expect(existsSync(apiTokensFolder(config))).toBe(false);
    expect(await sign(node.url, bearing(token))).toBe(200);
    expect(await sign(node.url, bearing(givenToken()))).toBe(401);
    expect(await self(node.url, bearing(token))).toMatchObject({ role: "signer", expiresAt: null });
    expect((await ask(node.url, { path: "/v1/ring", headers: bearing(token) })).status).toBe(403);

    await stop(node);
    await put(config.apiTokenFile, givenToken());
    expect(await sign((await start({ config })).url, bearing(token))).toBe(401);
  });

  it("signs when it is in the environment, beside those of the book", async () => {
    const { node: first, config, headers } = await startNew();
    await stop(first);
    const token = givenToken();
    const environment = { KEYTURN_API_TOKEN: token };
    const node = await start({ config, environment });
    expect(environment).toEqual({});
    expect(await sign(node.url, bearing(token))).toBe(200);
    expect(await sign(node.url, headers)).toBe(200);
  });

  it("that keyturn issued is judged by the book, wherever it stands", async () => {
    const { node: first, config, headers } = await startNew();
    const { id } = await self(first.url, headers);
    await stop(first);
    await (await openedTokens(config)).revoke(id, { reason: "it leaked", by: "cli:tester" });
    const token = headers.authorization.slice("Bearer ".length);
    const node = await start({ config, environment: { KEYTURN_API_TOKEN: token } });
    expect(await sign(node.url, headers)).toBe(401);
  });

  it("may be missing: then nobody signs who has none from the book", async () => {
    const place = await newPlace();
    const config = await configIn(place);
    const environment = { KEYTURN_API_TOKEN: givenToken() };
    await stop(await start({ config, init: true, environment }));
    const node = await start({ config });
    expect((await ask(node.url, { path: "/.well-known/jwks.json" })).status).toBe(200);
    expect(await sign(node.url, bearing(givenToken()))).toBe(401);
    const issue = ["api-token", "issue", "--name", "orders", "--role", "signer"];
    const { stdout } = await keyturn(place, issue);
    expect(await sign(node.url, bearing(stdout.trim()))).toBe(200);
    expect(existsSync(join(place, ".keyturn", "api-token"))).toBe(false);
  });
});

describe("the book of API tokens", () => {
  it("moves to a new KEK with the ring", async () => {
    const { place, node: first, config, headers } = await startNew();
    await stop(first);
    await put(join(place, "old"), await readFile(config.kekFile));
    await put(config.kekFile, "efkEKYp3zmLM88SN7nEwXVds0gVwDg9AjT7efEHkwDY\n");
    const { status } = await keyturn(place, ["rewrap", "--previous-kek-file", "old"]);
    expect(status).toBe(0);
    const node = await start({ config });
    expect(await sign(node.url, headers)).toBe(200);
  });
});
