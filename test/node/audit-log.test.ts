import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { fileAuditLog, readAuditLog } from "../../src/node/audit-log.ts";
import { type AuditRecord, chained, genesisHash, verifyChain } from "../../src/ring/audit.ts";
import { newPlace, put } from "./place.ts";

/** A chain as a ring would leave it. */
async function chain(length: number, ring = "ring-of-these-tests"): Promise<AuditRecord[]> {
  const records: AuditRecord[] = [];
  for (let generation = 1; generation <= length; generation++) {
    const previous = records.at(-1)?.hash ?? (await genesisHash(ring));
    const event = generation === 1 ? "init" : generation % 2 === 0 ? "pause" : "resume";
    const facts = {
      ring,
      generation,
      at: 1_800_000_000 + generation,
      event,
      oldKid: null,
      newKid: null,
    } as const;
    const cause = {
      trigger: "manual",
      actor: "cli:root",
      reason: 'a “reason”\u2014with\\ "quotes"',
    } as const;
    records.push(await chained({ ...facts, ...cause, previous }));
  }
  return records;
}

const logIn = async (files: Record<string, string> = {}) => join(await newPlace(files), "audit.jsonl");
const linesIn = async (path: string) => (await readFile(path, "utf8")).split("\n").slice(0, -1);
const lineOf = (record: AuditRecord) => `${JSON.stringify(record)}\n`;

describe("the audit log", () => {
  it("gets one line of JSON per record, in order, and gives them back", async () => {
    const path = await logIn();
    const records = await chain(5);
    const log = await fileAuditLog(path);
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
    const log = await fileAuditLog(path);
    for (const upTo of [1, 3, 3, 2, 4]) await log.append(records.slice(0, upTo));
    await (await fileAuditLog(path)).append(records);
    expect(await linesIn(path)).toHaveLength(4);
  });

  it("keeps the order of calls that do not wait for each other", async () => {
    const path = await logIn();
    const records = await chain(30);
    const log = await fileAuditLog(path);
    await Promise.all(records.map((_, i) => log.append(records.slice(0, i + 1))));
    expect(await readAuditLog(path)).toEqual(records);
    expect(await linesIn(path)).toHaveLength(30);
  });

  it("is a file of its owner alone, in a folder that is made for it", async () => {
    const path = join(await newPlace(), "deep", "down", "audit.jsonl");
    await (await fileAuditLog(path)).append(await chain(1));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(path, ".."))).mode & 0o777).toBe(0o700);
  });
});

describe("an audit log that a crash cut short", () => {
  it("loses the torn line, and has it again from the ring's tail", async () => {
    const records = await chain(3);
    const whole = records.slice(0, 2).map(lineOf).join("");
    for (const torn of [lineOf(records[2] as AuditRecord).slice(0, -1), '{"ring']) {
      const path = await logIn({ "audit.jsonl": whole + torn });
      expect(await readAuditLog(path)).toEqual(records.slice(0, 2));
      const log = await fileAuditLog(path);
      expect(log.last()).toEqual(records[1]);
      await log.append(records);
      expect(await readAuditLog(path)).toEqual(records);
    }
  });

  it("may consist of nothing but a torn line", async () => {
    const path = await logIn({ "audit.jsonl": '{"ring":"x"' });
    const log = await fileAuditLog(path);
    expect(log.last()).toBeNull();
    await log.append(await chain(2));
    expect(await readAuditLog(path)).toEqual(await chain(2));
  });
});

describe("an audit log that could not be written for a while", () => {
  it("gets what it missed before anything newer, so that the chain has no gap", async () => {
    const path = await logIn();
    const records = await chain(4);
    const log = await fileAuditLog(path);
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
    const [a, b] = [await fileAuditLog(path), await fileAuditLog(path)];
    await a.append(records.slice(0, 3));
    await b.append(records.slice(0, 5));
    await a.append(records);
    await b.append(records);
    expect((await linesIn(path)).length).toBeGreaterThan(6);
    expect(await readAuditLog(path)).toEqual(records);
    expect((await fileAuditLog(path)).last()).toEqual(records[5]);
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
      await expect(fileAuditLog(path)).rejects.toMatchObject({
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
      [`${first}\n${second}`, 2],
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
    await expect(fileAuditLog(path)).rejects.toMatchObject({ code: "store_unavailable" });
  });

  it("is empty when it is not there, which reading does not change", async () => {
    const path = await logIn();
    expect(await readAuditLog(path)).toEqual([]);
    await expect(stat(path)).rejects.toMatchObject({ code: "ENOENT" });
    await put(path, "");
    expect(await readAuditLog(path)).toEqual([]);
  });
});

describe("notes beside the records", () => {
  const denied = { action: "revoke", caller: null, code: "unauthenticated", path: "/v1/keys/{kid}/revoke" };
  const note = { denied: { at: 1_800_000_000, ...denied, leftOut: 0 } };

  it("are lines of their own, and no part of the chain", async () => {
    const path = await logIn();
    const records = await chain(4);
    const log = await fileAuditLog(path);
    await log.note(note);
    await Promise.all([log.append(records.slice(0, 2)), log.note(note), log.append(records)]);
    await log.note(note);
    expect((await linesIn(path)).map((line) => JSON.parse(line))).toEqual([
      note,
      ...records.slice(0, 2),
      note,
      ...records.slice(2),
      note,
    ]);
    expect(await readAuditLog(path)).toEqual(records);
    expect((await fileAuditLog(path)).last()).toEqual(records[3]);
  });

  it("hide no record: what is more than a note is none", async () => {
    const [first] = await chain(1);
    for (const line of [{ ...first, denied: {} }, { denied: {}, apiToken: {} }, { refused: {} }]) {
      const path = await logIn({ "audit.jsonl": `${JSON.stringify(line)}\n` });
      const read = await readAuditLog(path).catch((error) => error.code);
      expect(read).toEqual("hash" in line ? [line] : "audit_broken");
    }
  });

  it("that cannot be written are told, and hold up no record", async () => {
    const path = await logIn();
    const records = await chain(2);
    const log = await fileAuditLog(path);
    await mkdir(path);
    await expect(log.note(note)).rejects.toMatchObject({ code: "EISDIR" });
    await rm(path, { recursive: true });
    await log.append(records);
    expect(await readAuditLog(path)).toEqual(records);
  });
});
