import { appendFile, chmod, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Config } from "../../../src/node/config.ts";
import { checkAuditLog, checkAuditUrl } from "../../../src/node/doctor/audit.ts";
import { gathered, type RingEvidence } from "../../../src/node/doctor/evidence.ts";
import { checkFiles } from "../../../src/node/doctor/files.ts";
import { opened } from "../opened.ts";
import { put } from "../place.ts";
import { house } from "./house.ts";

/** As the doctor does it. */
async function look(config: Config) {
  return checkAuditLog(config, (await gathered(config, {})).ring as RingEvidence);
}

/** A house whose ring has two more commits, all in the audit log. */
async function paused() {
  const { config, place } = await house();
  const { manager, trail } = await opened(config);
  await manager.pause();
  await manager.resume();
  await trail.settled();
  const lines = (await readFile(config.auditLog, "utf8")).split(/(?<=\n)/);
  return { config, place, lines };
}

describe("the audit log", () => {
  it("is well while it has every record of the ring", async () => {
    const { config } = await paused();
    expect(await look(config)).toMatchObject({
      name: "audit-log",
      verdict: "ok",
      what: expect.stringMatching(/^3 records/),
    });
    expect(await look({ ...config, auditLog: "stdout" })).toBeNull();
  });

  it.each<[string, (lines: readonly string[]) => string, string, RegExp]>([
    [
      "a line is no record",
      ([first]) => `${first}half a line\n`,
      "fail",
      /^Line 2 of .* is not an audit record/,
    ],
    [
      "a record is missing",
      ([first, , third]) => `${first}${third}`,
      "fail",
      /generation 3 follows generation 1/,
    ],
    ["it begins later", ([, second, third]) => `${second}${third}`, "warn", /begins with generation 2/],
    ["it lacks the end", ([first]) => `${first}`, "warn", /lacks the newest 2 records/],
    ["it is empty", () => "", "warn", /lacks the newest 3 records/],
  ])("is found when %s", async (_, damaged, verdict, what) => {
    const { config, lines } = await paused();
    await put(config.auditLog, damaged(lines));
    expect(await look(config)).toMatchObject({
      verdict,
      what: expect.stringMatching(what),
      fix: expect.any(String),
    });
  });

  it("is found when others can read it, or it is not there", async () => {
    const { config } = await paused();
    await chmod(config.auditLog, 0o640);
    expect(await look(config)).toMatchObject({ verdict: "fail", fix: expect.stringContaining("chmod 0600") });
    await rm(config.auditLog);
    expect(await look(config)).toMatchObject({ verdict: "warn" });
  });

  it("that has seen more than the ring, or another ring, shows a restored backup", async () => {
    const { config } = await paused();
    const { config: younger } = await house();
    for (const auditLog of [config.auditLog, younger.auditLog]) {
      const evidence = (await gathered(younger, {})).ring as RingEvidence;
      const verdict = auditLog === younger.auditLog ? "ok" : "fail";
      expect(await checkAuditLog({ auditLog }, evidence)).toMatchObject({ verdict });
    }
    const before = (await gathered(config, {})).ring as RingEvidence;
    const { manager, trail } = await opened(config);
    await manager.pause();
    await trail.settled();
    expect(await checkAuditLog(config, before)).toMatchObject({
      verdict: "fail",
      what: expect.stringMatching(/has seen generation 4 .* at 3/),
    });
  });
});

describe("what the audit's receiver is sent with", () => {
  it("is looked at where there is a receiver", async () => {
    const { config, place } = await house();
    expect(await checkAuditUrl(config, {})).toBeNull();
    const auditTokenFile = join(place, "audit-token");
    const sending = { ...config, auditUrl: "https://audit.example.com/in?key=hunter2", auditTokenFile };
    expect(await checkAuditUrl(sending, {})).toMatchObject({
      verdict: "fail",
      what: expect.stringMatching(/is not there/),
    });
    await put(auditTokenFile, "a-bearer\n", 0o644);
    expect(await checkAuditUrl(sending, {})).toMatchObject({
      verdict: "fail",
      fix: expect.stringMatching(/chmod 0600/),
    });
    const environment = { KEYTURN_AUDIT_TOKEN: "another" };
    expect(await checkAuditUrl(sending, environment)).toMatchObject({ verdict: "ok" });
    expect(environment).toEqual({ KEYTURN_AUDIT_TOKEN: "another" });
    await chmod(auditTokenFile, 0o600);
    expect(await checkAuditUrl(sending, {})).toEqual({
      name: "audit-url",
      verdict: "ok",
      what: "Records can be sent to https://audit.example.com.",
      fix: null,
    });
    await appendFile(auditTokenFile, "secret word\n");
    const found = await checkAuditUrl(sending, {});
    expect(found).toMatchObject({ verdict: "fail", what: expect.stringMatching(/auditTokenFile/) });
    expect(JSON.stringify(found)).not.toMatch(/secret word|hunter2/);
  });

  it("is for its owner alone, whether there is a receiver or not", async () => {
    const { config, place } = await house();
    const auditTokenFile = join(place, "audit-token");
    await put(auditTokenFile, "a-bearer\n", 0o640);
    const found = await checkFiles({ ...config, auditTokenFile }, process.getuid?.() ?? null);
    expect(found).toMatchObject({ verdict: "fail", fix: `chmod 0600 ${auditTokenFile}` });
  });
});
