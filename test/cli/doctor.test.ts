import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { newPlace } from "../node/place.ts";
import { keyturn, result } from "./keyturn.ts";

interface Examination {
  readonly healthy: boolean;
  readonly findings: readonly { name: string; verdict: string; what: string; fix: string | null }[];
}

/** Where nothing can listen, so that the public URL is what is wrong. */
const UNREACHABLE = ["--jwks-url", "http://127.0.0.1:9/jwks.json"];

async function examined(place: string, args: readonly string[] = []) {
  const { status, stdout, stderr } = await keyturn(place, ["doctor", ...UNREACHABLE, "--json", ...args]);
  return { status, stderr, ...(JSON.parse(stdout) as Examination) };
}

describe("doctor", () => {
  it("lists every finding on stdout, and names those that fail on stderr, with status 1", async () => {
    const place = await newPlace();
    await result(place, ["init"]);
    const { status, stdout, stderr } = await keyturn(place, ["doctor", ...UNREACHABLE]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^ok {4}files {9}\d+ files and folders are for their owner alone\.$/m);
    expect(stdout).toMatch(/^ok {4}ring {10}Ring [\w-]{22} at generation 1 is whole/m);
    expect(stdout).toMatch(
      /^fail {2}jwks-url {6}http:\/\/127\.0\.0\.1:9\/jwks\.json does not answer.*\n {6}→ /m,
    );
    expect(stderr).toBe(
      "keyturn: Not as it must be: jwks-url. [doctor_failed]\n  → Do what the findings say, then run it again.\n",
    );
  });

  it("gives the same as JSON, and finds what others can read", async () => {
    const place = await newPlace();
    await result(place, ["init"]);
    await chmod(join(place, ".keyturn", "api-token"), 0o644);
    const { healthy, findings, stderr } = await examined(place);
    expect(healthy).toBe(false);
    expect(findings.find(({ name }) => name === "files")).toMatchObject({
      verdict: "fail",
      fix: "chmod 0600 .keyturn/api-token",
    });
    expect(stderr).toContain("files, jwks-url");
  });

  it("of a place without a ring makes none", async () => {
    const place = await newPlace();
    const { status, findings } = await examined(place);
    expect(status).toBe(1);
    expect(findings.find(({ name }) => name === "kek")).toMatchObject({ verdict: "fail" });
    expect((await keyturn(place, ["status"])).stderr).toContain("[ring_missing]");
  });
});
