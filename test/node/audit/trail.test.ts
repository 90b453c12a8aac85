import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { receiverOf } from "../../../src/node/audit/delivery.ts";
import { httpSink } from "../../../src/node/audit/http-sink.ts";
import { type AuditSink, logSink } from "../../../src/node/audit/sink.ts";
import { type AuditTrail, auditTrail } from "../../../src/node/audit/trail.ts";
import { fileAuditLog, readAuditLog } from "../../../src/node/audit-log.ts";
import { verifyChain } from "../../../src/ring/audit.ts";
import type { KeyRing } from "../../../src/ring/ring.ts";
import type { KeyturnEvent } from "../../../src/telemetry/events.ts";
import { codeOf, kidIn, openAlone, pass, settle, type TestNode } from "../../manager/fleet.ts";
import { type ManualClock, manualClock, START } from "../../manager/manual-clock.ts";
import { newPlace } from "../place.ts";
import { chainOf } from "./chain.ts";
import { openReceiver, type TestReceiver } from "./receiver.ts";

let path: string;
let clock: ManualClock;
let told: KeyturnEvent[];
let receiver: TestReceiver;

beforeEach(async () => {
  path = join(await newPlace(), "audit.jsonl");
  clock = manualClock();
  told = [];
  receiver = await openReceiver();
});

const onEvent = (event: KeyturnEvent) => told.push(event);

async function httpTo({ url }: TestReceiver): Promise<AuditSink> {
  return httpSink({
    receiver: async () => receiverOf(url, null),
    positionFile: `${path}.http`,
    archive: () => readAuditLog(path),
    onFailure: (error) => onEvent({ type: "audit_failed", error }),
    later: () => () => undefined,
  });
}

/** A manager whose records go to a file and to another machine. */
async function open(sinks?: readonly AuditSink[]): Promise<{ node: TestNode; trail: AuditTrail }> {
  const both = sinks ?? [logSink("file", fileAuditLog(path)), await httpTo(receiver)];
  const trail = auditTrail({ sinks: both, clock, onEvent });
  const node = await openAlone({ clock, auditRoom: trail.room, onEvent: trail.onEvent });
  return { node, trail };
}

const generationsIn = async () => (await readAuditLog(path)).map(({ generation }) => generation);

describe("an audit trail", () => {
  it("gives every sink every record, once and in order", async () => {
    const { node, trail } = await open();
    await node.keys.pause({ reason: "one" });
    await node.keys.resume({ reason: "two" });
    await trail.stop();
    expect(await generationsIn()).toEqual([1, 2, 3]);
    expect(receiver.generations).toEqual([1, 2, 3]);
    await verifyChain(await readAuditLog(path));
    expect(trail.standing(node.keys.ring())).toEqual([
      { sink: "file", acknowledged: 3, backlogRecords: 0, backlogSince: null, failing: false },
      { sink: "http", acknowledged: 3, backlogRecords: 0, backlogSince: null, failing: false },
    ]);
    expect(trail.anchor()).toMatchObject({ generation: 3 });
  });

  it("waits for no machine elsewhere, and shows how far that one is behind", async () => {
    receiver.answer = "hang";
    const { node, trail } = await open();
    clock.advance(60);
    await node.keys.pause();
    await trail.settled();
    expect(await generationsIn()).toEqual([1, 2]);
    expect(trail.standing(node.keys.ring())).toMatchObject([
      { sink: "file", backlogRecords: 0 },
      { sink: "http", acknowledged: null, backlogRecords: 2, backlogSince: START },
    ]);
  });

  it("counts the ring that its first sink knows, where another sink knows another one", async () => {
    const [of, other] = [await chainOf(3), await chainOf(9, "another-ring")];
    const sink = (last: (typeof of)[number] | undefined) =>
      ({ ...logSink("none", silentLog()), last: () => last ?? null }) as AuditSink;
    const trail = auditTrail({ sinks: [sink(of[1]), sink(other[8]), sink(of[2])], clock, onEvent });
    expect(trail.anchor()).toMatchObject({ generation: 3, ring: of[0]?.ring });
    expect(auditTrail({ sinks: [sink(undefined)], clock, onEvent }).anchor()).toBeNull();
  });
});

function silentLog() {
  return { append: async () => undefined, note: async () => undefined, last: () => null };
}

describe("an audit sink that is down", () => {
  /** Commands until one is refused. */
  async function commandsUntilRefused({ keys }: TestNode): Promise<number> {
    for (let count = 0; count < 100; count++) {
      const tokenSeconds = 600 + (count % 2);
      if ((await codeOf(keys.applyPolicy({ tokenSeconds }))) === "audit_backlog")
        return keys.status().generation;
    }
    throw new Error("None was refused.");
  }

  it("over there lets commands fill four fifths of the ring's tail, the schedule the rest, and a revoke more", async () => {
    receiver.answer = 503;
    const { node, trail } = await open();
    await expect.poll(() => told.some(({ type }) => type === "audit_failed")).toBe(true);
    expect(await commandsUntilRefused(node)).toBe(26);
    expect(trail.standing(node.keys.ring())[1]).toMatchObject({ backlogRecords: 26, failing: true });

    let steps = 0;
    for (let month = 0; month < 6; month++) {
      await pass(node, 30 * 86_400);
      steps += (await settle(node)).length;
    }
    expect(steps).toBe(6);
    expect(node.keys.status()).toMatchObject({ generation: 32, blocked: "audit_backlog" });

    for (let emergency = 0; emergency < 3; emergency++)
      await node.keys.revoke(kidIn(node.keys, "emitting"), { reason: "leaked" });
    const { generation } = node.keys.status();
    expect(generation).toBe(35);

    // The tail has lost three records by now; the audit log of this machine has them.
    receiver.answer = 204;
    await trail.stop();
    expect(receiver.generations).toEqual(Array.from({ length: generation }, (_, i) => i + 1));
    expect(await codeOf(node.keys.pause())).toBe("none");
  });

  it("on this machine has all it missed when it is back, without a restart", async () => {
    const { node, trail } = await open([logSink("file", fileAuditLog(path))]);
    await trail.settled();
    // The only trouble that even root has: what stood there is a folder now.
    await rm(path);
    await mkdir(path);
    expect(await commandsUntilRefused(node)).toBe(27);
    const [sink] = trail.standing(node.keys.ring());
    expect(sink).toMatchObject({ acknowledged: 1, backlogRecords: 26, failing: true });
    expect(told.some(({ type }) => type === "audit_failed")).toBe(true);

    await rm(path, { recursive: true });
    await node.keys.resume();
    await node.keys.pause();
    await trail.settled();
    expect((await generationsIn()).at(-1)).toBe(node.keys.status().generation);
    expect((await generationsIn())[0]).toBe(2);
    expect(trail.standing(node.keys.ring())[0]).toMatchObject({ backlogRecords: 0, failing: false });
  });

  it("that is caught up with by and by needs no command for it", async () => {
    const { node, trail } = await open([logSink("file", fileAuditLog(path))]);
    await trail.settled();
    await rm(path);
    await mkdir(path);
    await node.keys.pause();
    await trail.settled();
    await rm(path, { recursive: true });
    trail.catchUp(node.keys.ring() as KeyRing);
    await trail.settled();
    expect(await generationsIn()).toEqual([2]);
  });
});

describe("attempts that were turned away", () => {
  const attempt = { action: "rotate", caller: "t_abc", code: "forbidden", path: "/v1/ring/rotate" };

  it("stand beside the chain, which is whole without them", async () => {
    const { node, trail } = await open();
    trail.onEvent({ type: "request_denied", ...attempt });
    await node.keys.pause();
    await trail.stop();
    const note = { denied: { at: START, ...attempt, leftOut: 0 } };
    expect(receiver.requests.flatMap(({ lines }) => lines)).toContainEqual(note);
    expect(await generationsIn()).toEqual([1, 2]);
    await verifyChain(await readAuditLog(path));
  });

  it("fill no log: those that come too thick are only counted", async () => {
    const { trail } = await open();
    const deny = (times: number) => {
      for (let i = 0; i < times; i++) trail.onEvent({ type: "request_denied", ...attempt });
    };
    deny(1030);
    clock.advance(6);
    deny(2);
    clock.advance(86_400);
    deny(31);
    await trail.stop();
    const lines = receiver.requests.flatMap(({ lines }) => lines as { denied?: { leftOut: number } }[]);
    const notes = lines.flatMap(({ denied }) => denied ?? []);
    expect(notes).toHaveLength(30 + 1 + 30);
    expect(notes[30]).toMatchObject({ leftOut: 1000 });
    expect(notes[31]).toMatchObject({ leftOut: 1 });
  });

  it("are joined by the API tokens that came and went", async () => {
    const { trail } = await open();
    const change = {
      event: "issued",
      id: "t_1",
      name: "ci",
      role: "signer",
      successor: null,
      by: "cli:root",
      reason: null,
    } as const;
    trail.onEvent({ type: "api_token_changed", ...change });
    trail.onEvent({ type: "conflict" });
    await trail.stop();
    const beside = receiver.requests
      .flatMap(({ lines }) => lines)
      .filter((line) => line["generation"] === undefined);
    expect(beside).toEqual([{ apiToken: { at: START, ...change } }]);
  });
});
