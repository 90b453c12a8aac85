/** Sinks on this machine that hang: a mount whose server is gone, a pipe that nobody reads. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { Later } from "../../../src/node/audit/later.ts";
import { openTrail } from "../../../src/node/audit/open-trail.ts";
import { logSink } from "../../../src/node/audit/sink.ts";
import { auditTrail } from "../../../src/node/audit/trail.ts";
import type { AuditLog } from "../../../src/node/audit-log.ts";
import type { KeyturnEvent } from "../../../src/telemetry/events.ts";
import { codeOf, kidIn, openAlone } from "../../manager/fleet.ts";
import { manualClock } from "../../manager/manual-clock.ts";
import { newPlace } from "../place.ts";

let told: KeyturnEvent[];
/** What waits for its time, which a test makes come. */
let waiting: { work: () => void; seconds: number }[];
/** Lets every write that hangs come to its end. */
let release: () => void;
let hanging: AuditLog;

beforeEach(() => {
  told = [];
  waiting = [];
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  hanging = { append: () => released, note: () => released, last: () => null };
});

const onEvent = (event: KeyturnEvent) => told.push(event);
const later: Later = (work, seconds) => {
  const entry = { work, seconds };
  waiting.push(entry);
  return () => {
    waiting = waiting.filter((other) => other !== entry);
  };
};
/** The time that a write has is over. */
const timeIsUp = () => {
  for (const { work } of waiting.splice(0)) work();
};
const failures = () => told.flatMap((event) => (event.type === "audit_failed" ? [event.error] : []));
const denied = { action: "sign", caller: null, code: "forbidden", path: "/v1/tokens" };

describe("an audit log that hangs", () => {
  const open = async () => {
    const trail = auditTrail({ sinks: [logSink("file", hanging, later)], clock: manualClock(), onEvent });
    const node = await openAlone({ auditRoom: trail.room, onEvent: trail.onEvent });
    return { ...node, trail };
  };

  it("holds up a commit for as long as a disk may take, once, and then no other", async () => {
    const { keys } = await open();
    const paused = codeOf(keys.pause());
    await expect.poll(() => waiting.length).toBe(2);
    expect(waiting.map(({ seconds }) => seconds)).toEqual([2, 2]);
    timeIsUp();
    expect(await paused).toBe("none");
    expect(failures()[0]).toMatchObject({ code: "audit_undelivered" });

    await keys.revoke(kidIn(keys, "emitting"), { reason: "leaked" });
    expect(await codeOf(keys.resume())).toBe("none");
    expect(keys.status().generation).toBe(4);
  });

  it("counts as one that fails, and as any other again when it goes on", async () => {
    const { keys, trail } = await open();
    timeIsUp();
    await trail.settled();
    expect(trail.standing(keys.ring())).toMatchObject([{ failing: true, backlogRecords: 1 }]);
    release();
    // As each tick does.
    const failing = () => {
      trail.catchUp(keys.ring());
      return trail.standing(keys.ring())[0]?.failing;
    };
    await expect.poll(failing).toBe(false);
  });

  it("is given no more notes until then", async () => {
    const { trail } = await open();
    timeIsUp();
    await trail.settled();
    const before = failures().length;
    for (let i = 0; i < 3; i++) trail.onEvent({ type: "request_denied", ...denied });
    await trail.settled();
    expect(failures().length - before).toBe(3);
    expect(waiting).toEqual([]);
  });

  it("does not keep a node from ending when it is told to", async () => {
    const { trail } = await open();
    trail.onEvent({ type: "request_denied", ...denied });
    const stopped = trail.stop();
    timeIsUp();
    await stopped;
  });
});

it.skipIf(process.platform === "win32")(
  "a pipe where the audit log should be is not waited for",
  async () => {
    const auditLog = join(await newPlace(), "audit.jsonl");
    const trail = await openTrail({
      auditLog,
      auditUrl: null,
      auditToken: async () => null,
      positionFile: `${auditLog}.position`,
      runs: "node",
      beforeRing: false,
      clock: manualClock(),
      onEvent,
    });
    execFileSync("mkfifo", ["-m", "600", auditLog]);
    const { keys } = await openAlone({ auditRoom: trail.room, onEvent: trail.onEvent });
    await keys.pause();
    await keys.revoke(kidIn(keys, "emitting"), { reason: "leaked" });
    await trail.stop();
    expect(failures()[0]).toMatchObject({ code: "store_unavailable", message: `${auditLog} is not a file.` });
  },
);
