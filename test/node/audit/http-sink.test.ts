import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { receiverOf } from "../../../src/node/audit/delivery.ts";
import { positionSink } from "../../../src/node/audit/http-sink.ts";
import { readPosition, writePosition } from "../../../src/node/audit/position.ts";
import { type AuditRecord, verifyChain } from "../../../src/ring/audit.ts";
import { put } from "../place.ts";
import { chainOf } from "./chain.ts";
import {
  failures,
  open,
  positionFile,
  range,
  receiver,
  records,
  retryNow,
  TOKEN,
  waiting,
} from "./http-sink-world.ts";

const generationIn = async () => (await readPosition(positionFile))?.generation ?? null;

describe("a sink over HTTP", () => {
  it("sends records as lines of JSON, in order, and keeps the position acknowledged", async () => {
    const sink = await open();
    expect(sink.last()).toBeNull();
    await sink.append(records.slice(0, 3));
    await receiver.answered(1);
    await sink.append(records);
    await sink.stop();
    expect(receiver.generations).toEqual(range(1, 9));
    const sent = receiver.requests.flatMap(({ lines }) => lines) as unknown as AuditRecord[];
    expect(sent).toEqual(records);
    await verifyChain(sent);
    expect(receiver.requests[0]?.headers).toMatchObject({
      "content-type": "application/x-ndjson",
      authorization: `Bearer ${TOKEN}`,
    });
    expect(sink.last()).toMatchObject({ generation: 9, hash: records[8]?.hash });
    expect(await generationIn()).toBe(9);
    expect((await stat(positionFile)).mode & 0o777).toBe(0o600);
    expect(failures).toEqual([]);
  });

  it("goes on after a restart where it ended", async () => {
    const first = await open();
    await first.append(records.slice(0, 4));
    await first.stop();
    const second = await open();
    expect(second.last()).toMatchObject({ generation: 4 });
    await second.append(records);
    await second.stop();
    expect(receiver.generations).toEqual(range(1, 9));
  });

  it("does not make a step wait for a receiver that answers nothing", async () => {
    receiver.answer = "hang";
    const sink = await open();
    // Would run into the time limit of this test if it waited for an answer.
    await sink.append(records);
    await sink.note({ apiToken: note });
    expect(sink.last()).toBeNull();
  });

  it("sends nothing twice while the ring's tail comes by again and again", async () => {
    const sink = await open();
    for (const upTo of [2, 2, 5, 1, 9]) await sink.append(records.slice(0, upTo));
    await sink.stop();
    expect(receiver.generations).toEqual(range(1, 9));
  });

  it("begins anew for a ring of another id", async () => {
    await writePosition(positionFile, { ring: "another-ring", generation: 500, hash: "x" });
    const sink = await open();
    await sink.append(records);
    await sink.stop();
    expect(receiver.generations).toEqual(range(1, 9));
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

describe("a receiver that fails", () => {
  it("gets everything when it is back, in order, and is asked less and less often", async () => {
    receiver.answer = 503;
    const sink = await open();
    await sink.append(records.slice(0, 2));
    await expect.poll(() => waiting.length).toBe(1);
    expect(sink.isFailing()).toBe(true);
    // What comes meanwhile waits with the rest.
    await sink.append(records.slice(0, 5));
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      await expect.poll(() => waiting.length).toBe(1);
      waits.push(waiting[0]?.seconds ?? 0);
      retryNow();
    }
    expect(waits).toEqual([0.5, 1, 2, 4, 8, 16, 30, 30]);
    await expect.poll(() => waiting.length).toBe(1);
    expect(receiver.generations).toEqual([]);
    expect(await generationIn()).toBeNull();
    receiver.answer = 200;
    retryNow();
    await expect.poll(() => sink.last()?.generation).toBe(5);
    await sink.append(records);
    await sink.stop();
    expect(receiver.generations).toEqual(range(1, 9));
    expect(sink.isFailing()).toBe(false);
    expect(failures).toHaveLength(9);
  });

  it("is named by its origin and its answer, and by nothing that may be a secret", async () => {
    receiver.answer = 302;
    const sink = await open();
    await sink.append(records);
    await sink.stop();
    const [failure] = failures as { code: string; message: string; fix: string }[];
    expect(failure).toMatchObject({ code: "audit_undelivered" });
    expect(failure?.message).toBe(`The audit sink at ${new URL(receiver.url).origin} answered 302.`);
    expect(JSON.stringify([failure?.message, failure?.fix])).not.toMatch(/in-the-query|a-bearer/);
    // The redirect was not followed, and whoever it led to got nothing.
    expect(receiver.requests.every(({ status }) => status === 302)).toBe(true);
    expect(receiver.requests.length).toBeLessThanOrEqual(2);
  });

  it("has one more try at a stop, and then no more", async () => {
    receiver.answer = 500;
    const sink = await open();
    await sink.append(records);
    await expect.poll(() => waiting.length).toBe(1);
    await sink.stop();
    expect(receiver.requests).toHaveLength(2);
    expect(waiting).toEqual([]);
    await sink.append(await chainOf(11));
    expect(waiting).toEqual([]);
  });

  it("has at a stop no more than what is under way, and one try", async () => {
    const answers: (() => void)[] = [];
    const slow: typeof fetch = async () => {
      await new Promise<void>((answer) => answers.push(answer));
      return new Response(null, { status: 204 });
    };
    const sink = await open({ receiver: async () => receiverOf(receiver.url, null, slow) });
    await sink.append(await chainOf(450));
    await expect.poll(() => answers.length).toBe(1);
    const stopped = sink.stop();
    answers[0]?.();
    await expect.poll(() => answers.length).toBe(2);
    answers[1]?.();
    await stopped;
    expect(answers).toHaveLength(2);
    expect(await generationIn()).toBe(200);
  });

  it("because its token cannot be read has everything when it can be", async () => {
    let isReadable = false;
    const sink = await open({
      receiver: async () => {
        if (!isReadable) throw new Error("EACCES");
        return receiverOf(receiver.url, TOKEN);
      },
    });
    await sink.append(records);
    await expect.poll(() => waiting.length).toBe(1);
    expect(sink.isFailing()).toBe(true);
    isReadable = true;
    retryNow();
    await expect.poll(() => sink.last()?.generation).toBe(9);
    await sink.stop();
    expect(receiver.requests).toHaveLength(1);
  });

  it("that is gone altogether loses nothing", async () => {
    let down = true;
    const fetchUnlessDown: typeof fetch = (input, init) =>
      down ? Promise.reject(new TypeError("fetch failed")) : fetch(input, init);
    const sink = await open({ receiver: async () => receiverOf(receiver.url, null, fetchUnlessDown) });
    await sink.append(records);
    await expect.poll(() => waiting.length).toBe(1);
    expect(failures).toMatchObject([{ code: "audit_undelivered", message: /did not answer/ }]);
    down = false;
    retryNow();
    await expect.poll(() => sink.last()?.generation).toBe(9);
    expect(receiver.requests[0]?.headers.authorization).toBeUndefined();
  });
});

describe("many records", () => {
  it("go out in requests of no more than a hundred", async () => {
    const sink = await open();
    await sink.append(await chainOf(250));
    await receiver.answered(3);
    await sink.stop();
    expect(receiver.requests.map(({ lines }) => lines.length)).toEqual([100, 100, 50]);
    expect(receiver.generations).toEqual(range(1, 250));
  });
});

describe("the position", () => {
  it("in a file that makes no sense is none, so that everything is sent again", async () => {
    for (const text of ["", "{", "null", "7", '{"ring":"r"}', '{"ring":"r","generation":"1","hash":"h"}']) {
      await put(positionFile, text);
      expect(await readPosition(positionFile)).toBeNull();
    }
  });

  it("that cannot be read is none either, and that is told", async () => {
    await mkdir(positionFile);
    const sink = await open();
    expect(sink.last()).toBeNull();
    expect(failures).toMatchObject([{ code: "store_unavailable" }]);
  });

  it("is written whole and leaves nothing beside it", async () => {
    await writePosition(positionFile, records[0] as AuditRecord);
    expect(JSON.parse(await readFile(positionFile, "utf8"))).toEqual({
      ring: records[0]?.ring,
      generation: 1,
      hash: records[0]?.hash,
    });
  });

  it("that cannot be written is told, and the receiver is not asked again", async () => {
    const sink = await open({ positionFile: join(positionFile, "a", "b") });
    await put(positionFile, "a file where a folder is needed");
    await sink.append(records);
    await sink.stop();
    expect(receiver.requests).toHaveLength(1);
    expect(failures).toMatchObject([{ code: "store_unavailable" }]);
    expect(sink.isFailing()).toBe(false);
  });

  it("is what commands know of the sink, which they leave to the nodes that serve", async () => {
    await writePosition(positionFile, records[3] as AuditRecord);
    const sink = await positionSink(positionFile, (error) => failures.push(error));
    expect(sink.last()).toMatchObject({ generation: 4 });
    await sink.append(records);
    await sink.stop();
    expect(receiver.requests).toEqual([]);
  });
});
