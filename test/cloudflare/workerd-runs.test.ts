/** A machine on which workerd cannot run must not pass these tests by leaving a part of them out in silence. */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { expect, it } from "vitest";
import { environmentOfWrangler } from "./running-worker.ts";

function listed(env: Readonly<Record<string, string>>) {
  const args = ["node_modules/vitest/vitest.mjs", "list", "--filesOnly"];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    env: { ...environmentOfWrangler(), ...env },
    encoding: "utf8",
  });
  const files = stdout.match(/^\[(?:node|workerd)\] .*\.test\.ts$/gm) ?? [];
  return { status, files, said: stdout + stderr };
}

it.each(["/bin/false", "/nowhere/workerd", process.execPath])(
  "fails, and says what to do, where workerd is %s",
  (path) => {
    const { status, files, said } = listed({ MINIFLARE_WORKERD_PATH: path });
    expect(status).not.toBe(0);
    expect(files).toEqual([]);
    expect(said).toContain("cannot run on this machine");
    expect(said).toContain("KEYTURN_SKIP_WORKERD=1 npm test");
  },
);

it("leaves out what needs it, and says so, where it was told to", () => {
  const { status, files, said } = listed({ MINIFLARE_WORKERD_PATH: "/bin/false", KEYTURN_SKIP_WORKERD: "1" });
  expect(status, said).toBe(0);
  expect(said).toContain("LEFT OUT");
  expect(files.filter((line) => line.startsWith("[workerd]"))).toEqual([]);
  expect(files.filter((line) => line.includes("test/cloudflare/"))).toEqual([
    "[node] test/cloudflare/bundle.test.ts",
    "[node] test/cloudflare/workerd-runs.test.ts",
  ]);
  expect(files.length).toBeGreaterThan(150);
});

it("leaves nothing out otherwise", () => {
  const { status, files, said } = listed({});
  expect(status, said).toBe(0);
  expect(said).not.toContain("LEFT OUT");
  expect(files.filter((line) => line.startsWith("[workerd]")).length).toBeGreaterThan(10);
  expect(files).toContain("[node] test/cloudflare/edge.test.ts");
});
