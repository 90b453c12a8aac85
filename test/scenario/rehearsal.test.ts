/** `keyturn rehearse` as a user runs it: see README.md, "Watch all of it happen in a minute". */
import { execFile } from "node:child_process";
import { cp, mkdir, readdir, readFile, symlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { holdProblems } from "../../src/rehearsal/history.ts";
import { emittedKids, type Report } from "../../src/rehearsal/report.ts";
import { POLICY } from "../../src/rehearsal/scale.ts";
import type { AuditRecord } from "../../src/ring/audit.ts";
import { CLI, newFolder } from "./servers.ts";

const run = promisify(execFile);

it("rejects no honest token through a turnover, a rollback and an emergency revoke", {
  timeout: 150_000,
}, async () => {
  const { stdout } = await run(process.execPath, [CLI, "rehearse", "--json"]);
  const report = JSON.parse(stdout) as Report;

  expect(report.problems).toEqual([]);
  expect(report.honestRejections).toEqual([]);
  expect(report.unsigned).toEqual([]);
  expect(report.passed).toBe(true);

  const events = report.timeline.map(({ event, trigger }) => `${trigger} ${event}`);
  expect(events.slice(0, 5)).toEqual([
    "automatic init",
    "automatic emit",
    "automatic accept",
    "automatic revoke",
    "automatic emit",
  ]);
  expect(events.slice(5)).toEqual(
    expect.arrayContaining(["manual rollback", "automatic accept", "manual revoke"]),
  );

  expect(report.missing).toEqual([]);
  expect(report.verifiers).toEqual(["keyturn", "jose", "jose-ttl-only", "jwks-rsa", "get-jwks"]);
  const kids = emittedKids(report.timeline);
  expect(kids).toHaveLength(4);
  for (const verifier of report.verifiers) {
    for (const kid of kids) {
      expect(report.verified[verifier]?.[kid]?.tokens, `${verifier}, ${kid}`).toBeGreaterThanOrEqual(10);
    }
  }

  expect(report.emergency?.successor).toBe(kids[3]);
  expect(report.revokedRejections).toBeGreaterThan(0);
  for (const verifier of ["keyturn", "jose", "jose-ttl-only", "jwks-rsa"] as const) {
    expect(report.emergency?.refusedAfterSeconds[verifier], verifier).toBeLessThanOrEqual(14);
  }
});

it("refuses a verifier that it does not know", async () => {
  const refusal = run(process.execPath, [CLI, "rehearse", "--verifiers", "jose,passport"]);
  await expect(refusal).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining("[usage]") });
});

it("goes on with keyturn and jose where nothing else is installed, and says what it left out", async () => {
  const folder = await newFolder();
  const jose = dirname(dirname(resolve("node_modules/jose/package.json")));
  await mkdir(join(folder, "node_modules"));
  await symlink(join(jose, "jose"), join(folder, "node_modules", "jose"));
  await cp("package.json", join(folder, "package.json"));
  await cp(dirname(dirname(CLI)), join(folder, "dist"), { recursive: true });
  const module = pathToFileURL(join(folder, "dist", "rehearsal", "verifiers.js"));
  const program = `
    import { loadVerifiers, VERIFIERS } from ${JSON.stringify(module)};
    const options = { jwksUrl: "http://127.0.0.1:9/", issuer: "a", audience: "b", alg: "ES256", cacheSeconds: 7 };
    const { verifiers, missing } = await loadVerifiers(Object.keys(VERIFIERS), options);
    console.log(JSON.stringify([verifiers.map(({ name }) => name), missing]));`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", program], { cwd: folder });
  expect(JSON.parse(stdout)).toEqual([
    ["keyturn", "jose", "jose-ttl-only"],
    ["jwks-rsa", "get-jwks"],
  ]);
});

it.runIf(process.platform === "linux")("leaves nothing behind when it is interrupted", async () => {
  const tmp = await newFolder();
  const rehearsal = execFile(process.execPath, [CLI, "rehearse"], { env: { ...process.env, TMPDIR: tmp } });
  const ended = new Promise<number | null>((resolve) => rehearsal.once("exit", resolve));
  await new Promise<void>((begun) => {
    let shown = "";
    rehearsal.stdout?.on("data", (text: string) => {
      shown += text;
      if (shown.includes("init")) begun();
    });
  });
  expect(await processesAt(tmp)).toHaveLength(1);
  rehearsal.kill("SIGINT");
  expect(await ended).toBe(1);
  expect(await processesAt(tmp)).toEqual([]);
  expect(await readdir(tmp)).toEqual([]);
});

/** Command lines that name the folder. */
async function processesAt(folder: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
  );
  return lines.filter((line) => line.includes(folder));
}

describe("holdProblems", () => {
  const record = (at: number, event: AuditRecord["event"], oldKid: string | null, newKid: string | null) =>
    ({ at, event, oldKid, newKid, trigger: "automatic" }) as AuditRecord;
  const lawful = [
    record(100, "init", null, "a"),
    record(114, "emit", "a", "b"),
    record(115, "accept", null, "c"),
    record(128, "revoke", "a", null),
    record(129, "emit", "b", "c"),
  ];

  it("finds nothing in a lawful history", () => {
    expect(holdProblems(lawful, POLICY)).toEqual([]);
  });

  it("names a standby, an accepted key and a retired key whose hold was cut short by a second", () => {
    const shortened = lawful.map((r, i) => ({ ...r, at: i === 0 || i === 2 ? r.at : r.at - 1 }));
    expect(holdProblems(shortened, POLICY)).toEqual([
      "b emitted 13 s after its publication; the hold is 14 s.",
      "c emitted 13 s after its publication; the hold is 14 s.",
    ]);
    const dropped = lawful.map((r, i) => ({ ...r, at: i === 3 ? r.at - 1 : r.at }));
    expect(holdProblems(dropped, POLICY)).toEqual(["a was revoked 13 s after it retired; the hold is 14 s."]);
  });

  it("leaves an operator's revoke and a reinstated key alone", () => {
    const rolledBack = [
      ...lawful,
      record(130, "rollback", "c", "b"),
      { ...record(131, "revoke", "b", "d"), trigger: "manual" as const, earlyEmit: true as const },
    ];
    expect(holdProblems(rolledBack, POLICY)).toEqual([]);
  });
});
