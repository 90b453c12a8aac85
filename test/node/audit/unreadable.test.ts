/** A node or command whose audit log, or what it needs for its sinks, cannot be read. */
import { appendFile, chmod, mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { auditPositionFile, writePosition } from "../../../src/node/audit/position.ts";
import { readAuditLog } from "../../../src/node/audit-log.ts";
import { type Config, ringFolder } from "../../../src/node/config.ts";
import { openConfigured } from "../../../src/node/open.ts";
import type { AuditRecord } from "../../../src/ring/audit.ts";
import type { KeyturnEvent } from "../../../src/telemetry/events.ts";
import { codeOf } from "../../manager/fleet.ts";
import { firstToken } from "../opened.ts";
import { configIn, newPlace, put } from "../place.ts";
import { start, startNew, stop } from "../running.ts";
import { chainOf } from "./chain.ts";
import { openReceiver } from "./receiver.ts";

let config: Config;
let told: KeyturnEvent[];

beforeEach(async () => {
  config = await configIn(await newPlace());
  told = [];
});

const open = (change: Partial<Config> = {}, create = false) =>
  openConfigured(
    { ...config, ...change },
    { create, runs: "node", environment: {}, onEvent: (event) => told.push(event) },
  );
const failures = () => told.flatMap((event) => (event.type === "audit_failed" ? [event.error] : []));
const generations = async () => (await readAuditLog(config.auditLog)).map(({ generation }) => generation);

describe("an audit log that cannot be read", () => {
  it.each([
    ["broken", "audit_broken", () => appendFile(config.auditLog, "half a line\n")],
    ["open to others", "store_permission", () => chmod(config.auditLog, 0o640)],
  ] as const)(
    "because it is %s keeps nobody from an emergency revoke, and has the record when it is mended",
    async (_, code, damage) => {
      await firstToken(config);
      const [text, mode] = [await readFile(config.auditLog), 0o600];
      await damage();
      const { manager, trail } = await open();
      expect(failures()).toMatchObject([
        { code, message: expect.stringMatching(/put back from a backup is not noticed/) },
      ]);
      await manager.revoke(manager.status().emitter, { reason: "leaked" });
      expect(trail.standing(manager.ring())).toMatchObject([
        { acknowledged: null, backlogRecords: 2, failing: true },
      ]);

      await put(config.auditLog, text, mode);
      trail.catchUp(manager.ring());
      await trail.settled();
      expect(await generations()).toEqual([1, 2]);
      expect(trail.standing(manager.ring())).toMatchObject([{ backlogRecords: 0, failing: false }]);
    },
  );

  it("may know that there was a ring, so that none is made beside it", async () => {
    await firstToken(config);
    await appendFile(config.auditLog, "half a line\n");
    await rm(ringFolder(config), { recursive: true });
    expect(await codeOf(open({}, true))).toBe("audit_broken");
    await rm(config.auditLog);
    await mkdir(auditPositionFile(config));
    const change = { auditUrl: "https://audit.example.com/" };
    expect(await codeOf(open(change, true))).toBe("store_unavailable");
    expect(await readdir(config.folder)).not.toContain("ring");
  });
});

describe("a token of the audit's receiver that cannot be read", () => {
  it("keeps no node from starting, which is told, and sends when it can", async () => {
    const receiver = await openReceiver();
    const { config: made, node } = await startNew();
    await stop(node);
    const auditTokenFile = join(made.folder, "audit-token");
    await put(auditTokenFile, "a-bearer\n", 0o644);
    config = { ...made, auditUrl: receiver.url, auditTokenFile };
    const { trail } = await open();
    expect(failures()[0]).toMatchObject({
      code: "store_permission",
      message: expect.stringContaining(auditTokenFile),
    });
    expect(receiver.requests).toEqual([]);

    await chmod(auditTokenFile, 0o600);
    await trail.stop();
    expect(receiver.generations).toEqual([1]);
    expect(receiver.requests[0]?.headers.authorization).toBe("Bearer a-bearer");
    await stop(await start({ config }));
  });
});

describe("a ring that is lost for good", () => {
  it("is followed by another once all that remembers it was moved aside, which the refusal names", async () => {
    await firstToken(config);
    const [lost] = await chainOf(1, "the-lost-ring");
    await writePosition(auditPositionFile(config), lost as AuditRecord);
    const change = { auditUrl: "https://audit.example.com/" };
    await rm(ringFolder(config), { recursive: true });
    await rename(config.auditLog, `${config.auditLog}.aside`);
    const refusal = await open(change, true).catch((error) => error);
    expect(refusal).toMatchObject({
      code: "ring_rolled_back",
      fix: expect.stringContaining("audit-url.position"),
    });
    await rename(auditPositionFile(config), `${config.auditLog}.position-aside`);
    const { trail, ringCreated } = await open(change, true);
    expect(ringCreated).toBe(true);
    await trail.settled();
    expect(await generations()).toEqual([1]);
  });
});
