/** What the tests of the Worker stand on. */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { expect, it } from "vitest";
import { startWorker } from "./running-worker.ts";

it("tells when wrangler has ended unasked, and only then", async () => {
  const worker = await startWorker();
  let told = false;
  void worker.ended.then(() => {
    told = true;
  });
  await worker.restart("SIGKILL");
  expect(told).toBe(false);
  process.kill(wranglerIn(worker.folder), "SIGKILL");
  expect(await worker.ended).toBe(null);
});

function wranglerIn(folder: string): number {
  const { stdout } = spawnSync("ps", ["-eo", "pid=,args="], { encoding: "utf8" });
  const [line = ""] = stdout
    .split("\n")
    .filter((text) => text.includes(`bin/wrangler.js dev`) && text.includes(folder));
  return Number.parseInt(line, 10);
}
