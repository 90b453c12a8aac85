import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { readAuditLog } from "../../src/node/audit-log.ts";
import { type AuditRecord, chained } from "../../src/ring/audit.ts";
import { newPlace, put } from "../node/place.ts";
import { json, keyturn, refused, result } from "./keyturn.ts";
import { turnedOver } from "./turned-over.ts";

let place: string;
let log: string;
let records: AuditRecord[];

beforeEach(async () => {
  place = await newPlace();
  const keys = await turnedOver(place);
  log = join(place, ".keyturn", "audit.jsonl");
  await keys.pause({ reason: "one" });
  await keys.resume({ reason: "two" });
  records = [...keys.ring().auditTail];
  await write(records);
});

const write = (kept: readonly AuditRecord[]) =>
  put(log, kept.map((record) => `${JSON.stringify(record)}\n`).join(""));
const at = (i: number) => records[i] as AuditRecord;
const broken = (args: readonly string[] = []) =>
  refused(place, ["audit", "verify", ...args], { status: 1, code: "audit_broken" });

describe("audit verify", () => {
  it("finds a whole log whole, and names its head to be noted elsewhere", async () => {
    expect(records.map(({ event }) => event)).toEqual(["init", "emit", "accept", "pause", "resume"]);
    const head = at(4).hash;
    expect(await result(place, ["audit", "verify"])).toBe(
      `5 records, none changed, missing, inserted or out of order.\nhead ${head}\n`,
    );
    expect(await json(place, ["audit", "verify", "--anchor", at(2).hash])).toEqual({ records: 5, head });
  });

  it("finds nothing wrong with lines that a second node has repeated", async () => {
    await write([at(0), at(1), at(0), at(1), at(2), at(3), at(2), at(3), at(4)]);
    expect(await json(place, ["audit", "verify"])).toMatchObject({ records: 5 });
  });

  const damages: readonly [string, () => AuditRecord[] | Promise<AuditRecord[]>, RegExp][] = [
    [
      "a changed record",
      () => records.map((record, i) => (i === 3 ? { ...record, reason: "another" } : record)),
      /generation 4 was changed/,
    ],
    ["a missing record", () => records.filter((_, i) => i !== 2), /generation 4 follows generation 2/],
    ["a missing beginning", () => records.slice(1), /begins with generation 2: earlier records are missing/],
    [
      "an inserted record",
      async () => [at(0), at(1), await chained({ ...at(1), reason: "x" }), ...records.slice(2)],
      /generation 2 /,
    ],
    ["records out of order", () => [at(0), at(2), at(1), at(3), at(4)], /generation 3 follows generation 1/],
  ];
  for (const [what, damaged, where] of damages) {
    it(`finds ${what}, and where`, async () => {
      await write(await damaged());
      expect(await broken()).toMatch(where);
    });
  }

  it("finds that the end was cut off by an anchor that was noted elsewhere, and by nothing else", async () => {
    await write(records.slice(0, 3));
    expect(await json(place, ["audit", "verify"])).toMatchObject({ records: 3 });
    // One hash in 64 begins with a dash.
    for (const hash of [at(4).hash, `-${at(4).hash.slice(1)}`])
      expect(await broken(["--anchor", hash])).toContain("No record has the hash given as anchor");
  });

  it("finds a line that is no record, and a log that holds none", async () => {
    await put(log, `${JSON.stringify(at(0))}\nnonsense\n`);
    expect(await broken()).toContain("Line 2 of ");
    await rm(log);
    expect(await broken()).toContain("holds no record");
  });

  it("leaves aside what stands beside the chain, and misses a record all the same", async () => {
    const note = {
      denied: { at: 1, action: "rotate", caller: null, code: "forbidden", path: "/x", leftOut: 0 },
    };
    const write = (contents: readonly unknown[]) =>
      put(log, contents.map((content) => `${JSON.stringify(content)}\n`).join(""));
    await write([note, at(0), at(1), note, note, at(2), at(3), at(4), note]);
    expect(await json(place, ["audit", "verify", "--anchor", at(4).hash])).toMatchObject({ records: 5 });
    await write([at(0), at(1), note, at(3), at(4)]);
    expect(await broken()).toMatch(/generation 4 follows generation 2/);
  });

  it("takes no anchor that is not a record's whole hash", async () => {
    for (const anchor of [at(2).hash.slice(0, -1), at(2).previous.toLowerCase()])
      expect(await broken([`--anchor=${anchor}`])).toContain("No record has the hash given as anchor");
  });

  it("cannot look into stdout", async () => {
    await refused(place, ["audit", "verify", "--audit-log", "stdout"], { status: 2, code: "usage" });
  });
});

describe("a broken audit log", () => {
  it("with a line that is no record keeps no command from going on, which says so, and is left as it is", async () => {
    await put(log, "nonsense\n");
    const { status, stdout, stderr } = await keyturn(place, ["pause", "--reason", "three"]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "Paused.\n" });
    expect(stderr).toMatch(
      /^keyturn: the audit log could not be written; .*\nkeyturn: A line near the end of /,
    );
    expect(stderr.match(/audit log could not be written/g)).toHaveLength(1);
    expect(await readFile(log, "utf8")).toBe("nonsense\n");
    await refused(place, ["audit", "show"], { status: 1, code: "audit_broken" });
  });
});

describe("an audit log that is stdout", () => {
  it("does not stand between a command and its result, and misses nothing once it is a file", async () => {
    const args = ["--audit-log", "stdout"];
    expect(await json(place, ["pause", ...args])).toMatchObject({ changed: true, generation: 6 });
    expect(Object.keys(await json(place, ["jwks", ...args]))).toEqual(["keys", "ring", "generation"]);
    expect((await keyturn(place, ["resume"])).stdout).toBe("Resumed.\n");
    expect((await readAuditLog(log)).map(({ generation }) => generation)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });
});
