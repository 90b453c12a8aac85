import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, chmod, mkdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { auditRecordsIn, fileAuditLog, readAuditLog } from "../../src/node/audit-log.ts";
import { type AuditRecord, verifyChain } from "../../src/ring/audit.ts";
import { chainOf } from "./audit/chain.ts";
import { newPlace, put } from "./place.ts";

/** With what a line of JSON must not trip over. */
const chain = (length: number, ring?: string) => chainOf(length, ring, 'a “reason”\u2014with\\ "quotes"');

const logIn = async (files: Record<string, string> = {}) => join(await newPlace(files), "audit.jsonl");
const opened = async (path: string) => {
  const log = fileAuditLog(path);
  await log.append([]);
  return log;
};
const linesIn = async (path: string) => (await readFile(path, "utf8")).split("\n").slice(0, -1);
const lineOf = (record: AuditRecord) => `${JSON.stringify(record)}\n`;

describe("the audit log", () => {
  it("gets one line of JSON per record, in order, and gives them back", async () => {
    const path = await logIn();
    const records = await chain(5);
    const log = await opened(path);
    expect(log.last()).toBeNull();
    await log.append(records.slice(0, 2));
    await log.append(records.slice(2));
    expect(log.last()).toEqual(records[4]);
    expect((await linesIn(path)).map((line) => JSON.parse(line))).toEqual(records);
    expect(await readAuditLog(path)).toEqual(records);
  });

  it("gets each record once, however often the ring's tail comes by", async () => {
    const path = await logIn();
    const records = await chain(4);
    const log = await opened(path);
    for (const upTo of [1, 3, 3, 2, 4]) await log.append(records.slice(0, upTo));
    await (await opened(path)).append(records);
    expect(await linesIn(path)).toHaveLength(4);
  });

  it("keeps the order of calls that do not wait for each other", async () => {
    const path = await logIn();
    const records = await chain(30);
    const log = await opened(path);
    await Promise.all(records.map((_, i) => log.append(records.slice(0, i + 1))));
    expect(await readAuditLog(path)).toEqual(records);
    expect(await linesIn(path)).toHaveLength(30);
  });

  it("is a file of its owner alone, in a folder that is made for it", async () => {
    const path = join(await newPlace(), "deep", "down", "audit.jsonl");
    await (await opened(path)).append(await chain(1));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(path, ".."))).mode & 0o777).toBe(0o700);
  });
});

describe("an audit log that a crash cut short", () => {
  it("loses the torn line, and has it again from the ring's tail", async () => {
    const records = await chain(3);
    const whole = records.slice(0, 2).map(lineOf).join("");
    for (const torn of [lineOf(records[2] as AuditRecord).slice(0, -1), '{"ring":"ring-of', "{"]) {
      const path = await logIn({ "audit.jsonl": whole + torn });
      expect(await readAuditLog(path)).toEqual(records.slice(0, 2));
      const log = await opened(path);
      expect(log.last()).toEqual(records[1]);
      await log.append(records);
      expect(await readAuditLog(path)).toEqual(records);
    }
  });

  it("may consist of nothing but a torn line", async () => {
    const path = await logIn({ "audit.jsonl": '{"ring":"ring' });
    const log = await opened(path);
    expect(log.last()).toBeNull();
    await log.append(await chain(2));
    expect(await readAuditLog(path)).toEqual(await chain(2));
  });

  it("by another process gets this one's next record on a line of its own", async () => {
    const path = await logIn();
    const records = await chain(5);
    const log = await opened(path);
    await log.append(records.slice(0, 1));
    await appendFile(path, lineOf(records[1] as AuditRecord).slice(0, 50));
    await log.append(records.slice(0, 2));
    // By two that ended the line before at once, and in a batch that was whole up to its third line.
    await log.append(records.slice(0, 3));
    for (const cut of [3, 80]) await appendFile(path, `\n${lineOf(records[3] as AuditRecord).slice(0, cut)}`);
    await log.append(records.slice(0, 4));
    await appendFile(path, records.slice(2).map(lineOf).join("").slice(0, -20));
    await log.append(records);
    expect(await readAuditLog(path)).toEqual(records);
    await verifyChain(await readAuditLog(path));
    expect((await opened(path)).last()).toEqual(records[4]);
  });

  it("is broken where what was torn stands nowhere as a whole", async () => {
    const records = await chain(4);
    const [first, second, third, fourth] = records.map(lineOf) as [string, string, string, string];
    const path = await logIn({ "audit.jsonl": `${first}${second.slice(0, 200)}\n${third}${fourth}` });
    await expect(readAuditLog(path)).rejects.toMatchObject({
      code: "audit_broken",
      message: `Line 2 of ${path} is not an audit record.`,
    });
  });
});

describe("a long audit log", () => {
  it("is read from its end for what was written last, and no further than is asked for from its beginning", async () => {
    const records = await chain(80);
    const text = records.map(lineOf).join("");
    // What a reader of the whole would stumble over.
    const path = await logIn({ "audit.jsonl": `nonsense\n${text}` });
    expect((await opened(path)).last()).toEqual(records[79]);
    await put(path, `${text}nonsense\n`);
    const first: number[] = [];
    for await (const { generation } of auditRecordsIn(path)) {
      first.push(generation);
      if (first.length === 3) break;
    }
    expect(first).toEqual([1, 2, 3]);
    await expect(opened(path)).rejects.toMatchObject({ code: "audit_broken" });
  });

  it("may hold lines of any length, whichever end it is read from", async () => {
    const records = await chain(3);
    const [first, second, third] = records.map(lineOf) as [string, string, string];
    const note = `{"denied":${JSON.stringify("x".repeat(50_000))}}\n`;
    const path = await logIn({
      "audit.jsonl": first + note.repeat(5) + second + note.repeat(3) + third + note,
    });
    expect(await readAuditLog(path)).toEqual(records);
    expect((await opened(path)).last()).toEqual(records[2]);
    await put(path, `${first}${"y".repeat(1_000_000)}\n`);
    await expect(readAuditLog(path)).rejects.toMatchObject({ code: "audit_broken" });
    await expect(opened(path)).rejects.toMatchObject({ code: "audit_broken" });
  });
});

describe("an audit log that cannot be read", () => {
  it("takes what became due meanwhile when it has been mended", async () => {
    const records = await chain(4);
    const [first, second] = records.map(lineOf) as [string, string];
    const path = await logIn({ "audit.jsonl": `${first}${second}nonsense\n` });
    const log = fileAuditLog(path);
    await expect(log.append(records.slice(1, 3))).rejects.toMatchObject({ code: "audit_broken" });
    await chmod(path, 0o640);
    await expect(log.append(records.slice(2))).rejects.toMatchObject({ code: "store_permission" });
    expect(log.last()).toBeNull();
    await put(path, first + second);
    await log.append([]);
    expect(await readAuditLog(path)).toEqual(records);
  });

  it("is not written to either where it has become readable for others", async () => {
    const path = await logIn();
    const records = await chain(2);
    const log = await opened(path);
    await log.append(records.slice(0, 1));
    await chmod(path, 0o644);
    await expect(log.append(records)).rejects.toMatchObject({ code: "store_permission" });
    await chmod(path, 0o600);
    await log.append([]);
    expect(await readAuditLog(path)).toEqual(records);
  });
});

describe("an audit log that could not be written for a while", () => {
  it("gets what it missed before anything newer, so that the chain has no gap", async () => {
    const path = await logIn();
    const records = await chain(4);
    const log = await opened(path);
    await log.append(records.slice(0, 1));
    // The only trouble that even root has: what stood there is a folder now.
    await rm(path);
    await mkdir(path);
    await expect(log.append(records.slice(1, 2))).rejects.toMatchObject({ code: "EISDIR" });
    await expect(log.append(records.slice(2, 3))).rejects.toMatchObject({ code: "EISDIR" });
    expect(log.last()).toEqual(records[0]);
    await rm(path, { recursive: true });
    await put(path, lineOf(records[0] as AuditRecord));
    await log.append(records.slice(3));
    expect(await readAuditLog(path)).toEqual(records);
    await verifyChain(await readAuditLog(path));
  });
});

describe("an audit log that several processes share", () => {
  it("says everything in order; repeated lines say nothing new", async () => {
    const path = await logIn();
    const records = await chain(6);
    const [a, b] = [await opened(path), await opened(path)];
    await a.append(records.slice(0, 3));
    await b.append(records.slice(0, 5));
    await a.append(records);
    await b.append(records);
    expect((await linesIn(path)).length).toBeGreaterThan(6);
    expect(await readAuditLog(path)).toEqual(records);
    expect((await opened(path)).last()).toEqual(records[5]);
  });

  it("stays whole while four of them write at once", async () => {
    const path = await logIn();
    const records = await chain(60);
    await put(join(path, "..", "chain.json"), JSON.stringify(records));
    const script = fileURLToPath(new URL("appending-node.ts", import.meta.url));
    const nodes = Array.from({ length: 4 }, () =>
      spawn(process.execPath, [script, path], { stdio: ["ignore", "ignore", "inherit"] }),
    );
    const exits = await Promise.all(nodes.map(async (node) => (await once(node, "exit"))[0]));
    expect(exits).toEqual([0, 0, 0, 0]);
    expect(await readAuditLog(path)).toEqual(records);
  });
});

describe("an audit log that is not to be trusted", () => {
  it("is refused when others can reach it, even while it is empty", async () => {
    for (const [text, mode] of [
      ["", 0o644],
      [(await chain(1)).map(lineOf).join(""), 0o640],
      ["", 0o606],
    ] as const) {
      const path = await logIn({ "audit.jsonl": text });
      await chmod(path, mode);
      await expect(opened(path)).rejects.toMatchObject({
        code: "store_permission",
        fix: expect.stringContaining(path),
      });
      await expect(readAuditLog(path)).rejects.toMatchObject({ code: "store_permission" });
    }
  });

  it("is refused with the number of the line that is no record", async () => {
    const [first, second] = (await chain(2)).map(lineOf) as [string, string];
    const broken: readonly [string, number][] = [
      ["nonsense\n", 1],
      [`${first}${first}${second}{"generation":3\n`, 4],
      [`${first}null\n`, 2],
      [`${first}7\n`, 2],
      [`${first}{}\n`, 2],
      [`${first}[]\n`, 2],
      [`${first}{"generation":"2","hash":"x"}\n`, 2],
    ];
    for (const [text, line] of broken) {
      const path = await logIn({ "audit.jsonl": text });
      await expect(readAuditLog(path)).rejects.toMatchObject({
        code: "audit_broken",
        message: `Line ${line} of ${path} is not an audit record.`,
      });
    }
  });

  it("is refused when it is a folder", async () => {
    const path = await logIn();
    await mkdir(path);
    await expect(opened(path)).rejects.toMatchObject({ code: "store_unavailable" });
  });

  it("is empty when it is not there, which reading does not change", async () => {
    const path = await logIn();
    expect(await readAuditLog(path)).toEqual([]);
    await expect(stat(path)).rejects.toMatchObject({ code: "ENOENT" });
    await put(path, "");
    expect(await readAuditLog(path)).toEqual([]);
  });
});
