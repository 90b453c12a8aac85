/** The whole examination, of real folders and over real sockets. */
import { once } from "node:events";
import { chmod, readdir, readFile, rm, truncate } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { generateKek } from "../../../src/keys/kek.ts";
import { type Config, ringFolder } from "../../../src/node/config.ts";
import { examine } from "../../../src/node/doctor/examine.ts";
import { checkFiles } from "../../../src/node/doctor/files.ts";
import type { Finding } from "../../../src/node/doctor/finding.ts";
import { checkJwksUrl, publicJwksAt } from "../../../src/node/doctor/public-jwks.ts";
import { configIn, put } from "../place.ts";
import { answering, behind, house } from "./house.ts";

const named = (findings: readonly Finding[], name: string) => findings.find((found) => found.name === name);
const verdicts = (findings: readonly Finding[]) =>
  Object.fromEntries(findings.map(({ name, verdict }) => [name, verdict]));

const ALL_WELL = {
  files: "ok",
  kek: "ok",
  ring: "ok",
  steps: "ok",
  "store-clock": "ok",
  "audit-log": "ok",
  "api-tokens": "ok",
  "jwks-url": "ok",
  "jwks-clock": "ok",
  "jwks-caching": "ok",
  "jwks-kids": "ok",
};

/** Of the folder's file system, which is not ours to choose, nothing. */
async function examined(config: Config, environment: Record<string, string> = {}): Promise<Finding[]> {
  return (await examine(config, environment)).filter(({ name }) => name !== "file-system");
}

describe("a healthy node", () => {
  it("is found so in every respect, and nothing is changed by it", async () => {
    const { config, keys } = await house();
    const url = await answering(behind(keys));
    const before = await contents(config);
    const environment = { KEYTURN_KEK: (await readFile(config.kekFile, "utf8")).trim() };
    const findings = await examined({ ...config, jwksUrl: url }, environment);
    expect(verdicts(findings)).toEqual(ALL_WELL);
    expect(findings.every(({ fix }) => fix === null)).toBe(true);
    expect(await contents(config)).toEqual(before);
    expect(environment.KEYTURN_KEK).toHaveLength(43);
  });
});

async function contents({ folder }: Config): Promise<string[]> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(files.sort().map(async (path) => `${path} ${await readFile(path, "utf8")}`));
}

describe("files", () => {
  it.each([
    ["the KEK", ({ kekFile }: Config) => kekFile, 0o644, "chmod 0600"],
    ["the API token", ({ apiTokenFile }: Config) => apiTokenFile, 0o640, "chmod 0600"],
    [
      "a ring file",
      (config: Config) => join(ringFolder(config), "ring.0000000001.json"),
      0o604,
      "chmod 0600",
    ],
    ["the folder", ({ folder }: Config) => folder, 0o755, "chmod 0700"],
  ])("that others can reach are found: %s", async (_, pathOf, mode, fix) => {
    const { config } = await house();
    expect((await checkFiles(config, process.getuid?.() ?? null)).verdict).toBe("ok");
    await chmod(pathOf(config), mode);
    const found = await checkFiles(config, process.getuid?.() ?? null);
    expect(found).toMatchObject({ verdict: "fail", fix: `${fix} ${pathOf(config)}` });
    expect(found.what).toContain(`has mode 0${mode.toString(8)}`);
  });

  it("of another user are found, unless it is root who looks", async () => {
    const { config } = await house();
    const owner = process.getuid?.() ?? 0;
    const found = await checkFiles(config, owner + 1);
    expect(found.verdict).toBe("fail");
    expect(found.what).toContain(`belongs to another user (${owner})`);
    expect((await checkFiles(config, 0)).verdict).toBe("ok");
  });
});

describe("KEK and ring", () => {
  it("a missing KEK is said once, and of the ring nothing is claimed", async () => {
    const { config } = await house();
    await rm(config.kekFile);
    const findings = await examined(config);
    expect(named(findings, "kek")).toMatchObject({
      verdict: "fail",
      what: expect.stringContaining("KEYTURN_KEK"),
    });
    expect(named(findings, "ring")).toBeUndefined();
  });

  it("another KEK is said with both ids, and neither KEK", async () => {
    const { config } = await house();
    const other = generateKek();
    await put(config.kekFile, other);
    const found = named(await examined(config), "kek");
    expect(found).toMatchObject({
      verdict: "fail",
      what: expect.stringContaining("sealed under the KEK with id"),
    });
    expect(JSON.stringify(found)).not.toContain(other);
  });

  it("a KEK that waits for its rewrap, or is needed no longer, is worth a word", async () => {
    const { config, place } = await house();
    const previousKekFile = join(place, "old.kek");
    await put(previousKekFile, generateKek());
    const two = { ...config, previousKekFile };
    expect(named(await examined(two), "kek")).toMatchObject({
      verdict: "warn",
      what: expect.stringContaining("no longer needs"),
    });
    await put(previousKekFile, await readFile(config.kekFile, "utf8"));
    await put(config.kekFile, generateKek());
    expect(named(await examined(two), "kek")).toMatchObject({
      verdict: "warn",
      fix: expect.stringContaining("`keyturn rewrap`"),
    });
  });

  it("no ring, a damaged one and a forged one are told apart", async () => {
    const { config } = await house();
    const newest = join(ringFolder(config), "ring.0000000001.json");
    const document = await readFile(newest, "utf8");
    await put(newest, document.replace('"pausedAt": null', '"pausedAt": 1800000000'));
    expect(named(await examined(config), "ring")).toMatchObject({
      verdict: "fail",
      what: expect.stringContaining("not authentic"),
    });
    await truncate(newest, 100);
    expect(named(await examined(config), "ring")?.what).toContain("truncated");
    await rm(ringFolder(config), { recursive: true });
    const findings = await examined(config);
    expect(named(findings, "ring")).toMatchObject({
      verdict: "fail",
      fix: expect.stringContaining("keyturn init"),
    });
    expect(named(findings, "kek")?.verdict).toBe("ok");
    expect(named(findings, "steps")).toBeUndefined();
  });
});

describe("the public JWKS", () => {
  it("is looked at through what stands before it: a CDN that keeps it for a day and drops the ETag", async () => {
    const { config, keys } = await house();
    const jwksUrl = await answering(
      behind(keys, (headers) => {
        headers.set("Cache-Control", "public, max-age=86400");
        headers.delete("ETag");
      }),
    );
    const findings = await examined({ ...config, jwksUrl });
    expect(verdicts(findings)).toEqual({ ...ALL_WELL, "jwks-caching": "fail" });
    expect(named(findings, "jwks-caching")?.what).toMatch(/for 24h; .* without an ETag/);
  });

  it("of another issuer is not taken for ours", async () => {
    const { config } = await house();
    const { keys: others } = await house();
    const findings = await examined({ ...config, jwksUrl: await answering(behind(others)) });
    expect(verdicts(findings)).toEqual({ ...ALL_WELL, "jwks-kids": "fail" });
  });

  it("is judged as far as possible where there is no ring", async () => {
    const { keys } = await house();
    const jwksUrl = await answering(behind(keys));
    const { place } = await house();
    const config = { ...(await configIn(join(place, "empty"))), jwksUrl };
    expect(verdicts(await examined(config))).toMatchObject({
      kek: "fail",
      "jwks-url": "ok",
      "jwks-caching": "ok",
    });
  });

  it.each<[string, Parameters<typeof answering>[0], string]>([
    ["not there", (_, response) => response.writeHead(404).end(), "status 404"],
    ["a page", (_, response) => response.end("<html>"), "the answer is no JWKS"],
    ["elsewhere", (_, response) => response.writeHead(302, { Location: "/x" }).end(), "it redirects"],
    ["too large", (_, response) => response.end(`{"keys":[${" ".repeat(70_000)}]}`), "too large"],
    ["cut off", (_, response) => response.destroy(), "no connection"],
    ["slow", () => {}, "took longer than fetchSeconds"],
  ])("that is %s is said so", async (_, answer, why) => {
    const url = await answering(answer);
    const found = checkJwksUrl(url, await publicJwksAt(url, 0.2, systemClock));
    expect(found).toMatchObject({ name: "jwks-url", verdict: "fail", what: expect.stringContaining(why) });
  });

  it("where nobody listens is said with the system's word, and without a password or a query", async () => {
    const free = createServer().listen(0, "127.0.0.1");
    await once(free, "listening");
    const { port } = free.address() as AddressInfo;
    await new Promise((closed) => free.close(closed));
    const url = `http://127.0.0.1:${port}/jwks.json?key=hunter2`;
    const found = checkJwksUrl(url, await publicJwksAt(url, 1, systemClock));
    expect(found.what).toBe(
      `http://127.0.0.1:${port}/jwks.json does not answer with a JWKS: no connection ECONNREFUSED.`,
    );
  });
});
