/** What a sink over HTTP sends beside what it is given: what it lacks from the archive, and notes. */
import { stat } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { receiverOf } from "../../../src/node/audit/delivery.ts";
import { writePosition } from "../../../src/node/audit/position.ts";
import type { AuditRecord } from "../../../src/ring/audit.ts";
import {
  failures,
  open,
  positionFile,
  range,
  receiver,
  records,
  retryNow,
  waiting,
} from "./http-sink-world.ts";

describe("a receiver that lacks what the ring's tail no longer holds", () => {
  it("has it from the audit log of this machine", async () => {
    await writePosition(positionFile, records[1] as AuditRecord);
    const sink = await open({ archive: async () => records.slice(0, 7) });
    await sink.append(records.slice(6));
    await sink.stop();
    expect(receiver.generations).toEqual(range(3, 9));
    expect(failures).toEqual([]);
  });

  it("gets the whole log when it is new", async () => {
    const sink = await open({ archive: async () => records });
    await sink.append(records.slice(6));
    await sink.stop();
    expect(receiver.generations).toEqual(range(1, 9));
  });

  it("goes on without what nobody has, and that is said once", async () => {
    await writePosition(positionFile, records[1] as AuditRecord);
    receiver.answer = 500;
    const sink = await open({ archive: async () => records.slice(4, 6) });
    await sink.append(records.slice(6));
    await expect.poll(() => waiting.length).toBe(1);
    receiver.answer = 204;
    await sink.stop();
    expect(receiver.generations).toEqual(range(5, 9));
    expect(failures).toMatchObject([
      { code: "audit_broken", message: expect.stringContaining("2 records before generation 7") },
      { code: "audit_undelivered" },
    ]);
  });

  it("waits for the audit log where that cannot be read, because a gap would stay for ever", async () => {
    await writePosition(positionFile, records[2] as AuditRecord);
    let isReadable = false;
    const sink = await open({
      archive: async () => {
        if (!isReadable) throw Object.assign(new Error("too many open files"), { code: "EMFILE" });
        return records;
      },
    });
    await sink.append(records.slice(6));
    await expect.poll(() => waiting.length).toBe(1);
    expect(receiver.requests).toEqual([]);
    expect(failures).toMatchObject([{ code: "EMFILE" }]);
    isReadable = true;
    retryNow();
    await expect.poll(() => sink.last()?.generation).toBe(9);
    await sink.stop();
    expect(receiver.generations).toEqual(range(4, 9));
  });
});

const note = {
  at: 1_800_000_000,
  event: "issued",
  id: "t_1",
  name: "ci",
  role: "signer",
  successor: null,
  by: "cli:root",
  reason: null,
} as const;

describe("notes", () => {
  it("are sent beside the records and move no position", async () => {
    const sink = await open();
    await sink.note({ apiToken: note });
    await sink.stop();
    expect(receiver.requests[0]?.lines).toEqual([{ apiToken: note }]);
    expect(sink.last()).toBeNull();
    await expect(stat(positionFile)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("are sent once, also where the answer is lost", async () => {
    const sent: string[] = [];
    const losing: typeof fetch = (_, init) => {
      sent.push(String(init?.body));
      return Promise.reject(new TypeError("the answer is lost"));
    };
    const sink = await open({ receiver: async () => receiverOf(receiver.url, null, losing) });
    await sink.note({ apiToken: note });
    await expect.poll(() => failures.length).toBe(1);
    await sink.append(records);
    retryNow();
    await expect.poll(() => sent.length).toBe(2);
    await sink.stop();
    expect(sent.filter((body) => body.includes("apiToken"))).toHaveLength(1);
  });

  it("outlast a receiver that fails, which is tried with records meanwhile", async () => {
    receiver.answer = 503;
    const sink = await open();
    await sink.append(records.slice(0, 1));
    await expect.poll(() => waiting.length).toBe(1);
    await sink.note({ apiToken: note });
    retryNow();
    await expect.poll(() => receiver.requests.length).toBe(2);
    await expect.poll(() => waiting.length).toBe(1);
    receiver.answer = 204;
    retryNow();
    await receiver.answered(4);
    await sink.stop();
    expect(receiver.requests.map(({ lines }) => lines.length)).toEqual([1, 1, 1, 1]);
    expect(receiver.requests.at(-1)?.lines).toEqual([{ apiToken: note }]);
  });
});
