import { cp, mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readAuditLog } from "../../src/node/audit-log.ts";
import { type Config, ringFolder } from "../../src/node/config.ts";
import { type OpenOptions, openConfigured } from "../../src/node/open.ts";
import { verifyChain } from "../../src/ring/audit.ts";
import type { KeyturnEvent } from "../../src/telemetry/events.ts";
import { configIn, newPlace, put } from "./place.ts";

/** Opens as a node would, and lets the audit records arrive. */
async function open(config: Config, options: Partial<OpenOptions> = {}) {
  const events: KeyturnEvent[] = [];
  const onEvent = (event: KeyturnEvent) => events.push(event);
  const opened = await openConfigured(config, {
    create: true,
    runs: "command",
    environment: {},
    onEvent,
    ...options,
  });
  await opened.trail.settled();
  return { ...opened, events };
}

/** What was told, calls of the store aside. */
const toldIn = (events: readonly KeyturnEvent[]) =>
  events.map(({ type }) => type).filter((type) => type !== "store_called");
const newConfig = async () => configIn(await newPlace());
const generationsIn = async (path: string) => (await readAuditLog(path)).map(({ generation }) => generation);
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "none",
    (error) => error.code,
  );

describe("a place without a ring", () => {
  it("gets folder, KEK, API token, ring and audit log where it may, and says which", async () => {
    const config = await newConfig();
    const { manager, created, ringCreated } = await open(config);
    expect({ created, ringCreated }).toEqual({
      created: [config.kekFile, config.apiTokenFile],
      ringCreated: true,
    });
    expect((await readdir(config.folder)).sort()).toEqual([
      "api-token",
      "api-tokens",
      "audit-notes.jsonl",
      "audit.jsonl",
      "kek",
      "ring",
    ]);
    expect(manager.status().generation).toBe(1);
    expect(await generationsIn(config.auditLog)).toEqual([1]);
  });

  it("stays empty where it may not", async () => {
    const config = await newConfig();
    expect(await codeOf(open(config, { create: false }))).toBe("ring_missing");
    expect(await codeOf(stat(config.folder))).toBe("ENOENT");
  });

  it("is not taken for one when its ring cannot be listed", async () => {
    const config = await newConfig();
    await mkdir(config.folder, { mode: 0o700 });
    await put(ringFolder(config), "a file where the folder should be");
    expect(await codeOf(open(config))).toBe("store_unavailable");
    expect(await readdir(config.folder)).toEqual(["ring"]);
  });
});

describe("a place with a ring", () => {
  it("is opened as it is, by any number of nodes", async () => {
    const config = await newConfig();
    const { manager } = await open(config);
    const nodes = await Promise.all([open(config), open(config, { create: false })]);
    for (const node of nodes) {
      expect(node.manager.ring()).toEqual(manager.ring());
      expect(node).toMatchObject({ created: [], ringCreated: false });
    }
    expect(await generationsIn(config.auditLog)).toEqual([1]);
  });

  it("gets one ring, one KEK and one token from many nodes that find nothing at once", async () => {
    const config = await newConfig();
    const nodes = await Promise.all(Array.from({ length: 6 }, () => open(config)));
    expect(new Set(nodes.map(({ manager }) => manager.status().ring)).size).toBe(1);
    expect(nodes.filter(({ ringCreated }) => ringCreated)).toHaveLength(1);
    expect(nodes.flatMap(({ created }) => created).sort()).toEqual(
      [config.apiTokenFile, config.kekFile].sort(),
    );
    expect(await readdir(ringFolder(config))).toEqual(["ring.0000000001.json"]);
    expect(await generationsIn(config.auditLog)).toEqual([1]);
  });
});

describe("the audit log of a node", () => {
  it("has every commit of this node and of others, in one whole chain", async () => {
    const config = await newConfig();
    const [a, b] = [await open(config), await open(config)];
    await a.manager.pause({ reason: "one" });
    await b.manager.resume({ reason: "two" });
    await a.manager.rotate();
    await Promise.all([a.trail.settled(), b.trail.settled()]);
    const records = await readAuditLog(config.auditLog);
    expect(records).toEqual(a.manager.ring().auditTail);
    await verifyChain(records);
  });

  it("makes good at the next start what a crash between commit and append left out", async () => {
    const config = await newConfig();
    const { manager, trail } = await open(config);
    await manager.pause();
    await manager.resume();
    await trail.settled();
    const [first = ""] = (await readFile(config.auditLog, "utf8")).split("\n");
    await put(config.auditLog, `${first}\n`);
    await open(config);
    expect(await generationsIn(config.auditLog)).toEqual([1, 2, 3]);

    await rm(config.auditLog);
    await open(config);
    expect(await generationsIn(config.auditLog)).toEqual([1, 2, 3]);
  });

  it("does not hold up a commit when it cannot be written; the failure is told, and made good", async () => {
    const config = await newConfig();
    const { manager, trail, events } = await open(config);
    const aside = `${config.auditLog}.aside`;
    await rename(config.auditLog, aside);
    await mkdir(config.auditLog);
    expect(await manager.pause()).toMatchObject({ changed: true, generation: 2 });
    await trail.settled();
    expect(toldIn(events)).toEqual(["ring_advanced", "api_token_changed", "ring_advanced", "audit_failed"]);
    await rm(config.auditLog, { recursive: true });
    await rename(aside, config.auditLog);
    await manager.resume();
    await trail.settled();
    expect(await generationsIn(config.auditLog)).toEqual([1, 2, 3]);
  });

  it("betrays a ring that was put back from a backup", async () => {
    const config = await newConfig();
    const { manager, trail } = await open(config);
    const backup = `${ringFolder(config)}.backup`;
    await cp(ringFolder(config), backup, { recursive: true });
    await manager.revoke(manager.status().emitter, { reason: "leaked" });
    await trail.settled();
    await rm(ringFolder(config), { recursive: true });
    await cp(backup, ringFolder(config), { recursive: true });
    await expect(open(config)).rejects.toMatchObject({
      code: "ring_rolled_back",
      message: expect.stringMatching(/generation 1, where 2 was seen/),
    });
    expect(await readdir(ringFolder(config))).toEqual(["ring.0000000001.json"]);
  });

  it("betrays a ring that is gone, or another one in its place", async () => {
    const config = await newConfig();
    await open(config);
    await rm(ringFolder(config), { recursive: true });
    expect(await codeOf(open(config))).toBe("ring_rolled_back");
    expect(await codeOf(stat(ringFolder(config)))).toBe("ENOENT");

    const other = await newConfig();
    await open(other);
    await cp(other.folder, config.folder, {
      recursive: true,
      filter: (path) => !path.endsWith("audit.jsonl"),
    });
    expect(await codeOf(open(config))).toBe("ring_rolled_back");
  });

  it("is left alone by a command whose result goes to stdout, when it is stdout itself", async () => {
    const folder = await newPlace();
    const config = await configIn(folder, { auditLog: "stdout" });
    const { manager, trail, events } = await open(config);
    await manager.pause();
    await trail.settled();
    expect(toldIn(events)).toEqual(["ring_advanced", "api_token_changed", "ring_advanced"]);
    expect(await readdir(join(folder, ".keyturn"))).not.toContain("audit.jsonl");
  });
});
