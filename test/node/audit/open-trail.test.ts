import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { openTrail, type TrailOptions } from "../../../src/node/audit/open-trail.ts";
import { writePosition } from "../../../src/node/audit/position.ts";
import { readAuditLog } from "../../../src/node/audit-log.ts";
import type { AuditRecord } from "../../../src/ring/audit.ts";
import type { KeyRing } from "../../../src/ring/ring.ts";
import type { KeyturnEvent } from "../../../src/telemetry/events.ts";
import { codeOf, openAlone, openNode } from "../../manager/fleet.ts";
import { manualClock } from "../../manager/manual-clock.ts";
import { newPlace } from "../place.ts";
import { openReceiver, type TestReceiver } from "./receiver.ts";

let receiver: TestReceiver;
let options: TrailOptions;
let told: KeyturnEvent[];

beforeEach(async () => {
  receiver = await openReceiver();
  const folder = await newPlace();
  told = [];
  options = {
    auditLog: join(folder, "audit.jsonl"),
    auditUrl: receiver.url,
    auditToken: async () => null,
    positionFile: join(folder, "audit-url.position"),
    runs: "node",
    beforeRing: false,
    clock: manualClock(),
    onEvent: (event) => told.push(event),
  };
});

const sinksOf = (ring: KeyRing, trail: { standing(ring: KeyRing): { sink: string }[] }) =>
  trail.standing(ring).map(({ sink }) => sink);

describe("the sinks of a node", () => {
  it("are the audit log and the machine that it names", async () => {
    const trail = await openTrail(options);
    const { keys } = await openAlone({ onEvent: trail.onEvent, auditRoom: trail.room });
    await keys.pause();
    await trail.stop();
    expect(sinksOf(keys.ring(), trail)).toEqual(["file", "http"]);
    expect((await readAuditLog(options.auditLog)).map(({ generation }) => generation)).toEqual([1, 2]);
    expect(receiver.generations).toEqual([1, 2]);
    expect(told).toEqual([]);
  });

  it("are the audit log alone where it names none", async () => {
    const trail = await openTrail({ ...options, auditUrl: null });
    const { keys } = await openAlone();
    expect(sinksOf(keys.ring(), trail)).toEqual(["file"]);
  });

  it("cannot be a URL over which others could read along", async () => {
    const opening = openTrail({ ...options, auditUrl: "http://audit.example.com/" });
    expect(await codeOf(opening)).toBe("config_invalid");
  });
});

describe("the sinks of a command", () => {
  it("leave another machine to the nodes, and know how far those have come", async () => {
    const { keys, place } = await openAlone();
    for (let count = 0; count < 25; count++) await keys.applyPolicy({ tokenSeconds: 600 + (count % 2) });
    await writePosition(options.positionFile, keys.ring().auditTail[0] as AuditRecord);

    const behind = await openTrail({ ...options, runs: "command" });
    const command = await openNode(place, { auditRoom: behind.room, onEvent: behind.onEvent });
    expect(await codeOf(command.keys.pause())).toBe("none");
    expect(await codeOf(command.keys.resume())).toBe("audit_backlog");
    await behind.stop();
    expect(receiver.requests).toEqual([]);
    expect(await readAuditLog(options.auditLog)).toHaveLength(27);
  });

  it("keep stdout for the command's result", async () => {
    const trail = await openTrail({ ...options, auditLog: "stdout", runs: "command" });
    const { keys } = await openAlone({ onEvent: trail.onEvent, auditRoom: trail.room });
    expect(sinksOf(keys.ring(), trail)).toEqual(["none", "http"]);
    expect(await codeOf(keys.pause())).toBe("none");
  });
});
