import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { startNode } from "../../src/rehearsal/node-process.ts";
import { newPlace } from "../node/place.ts";

it("has ended its server when it tells that it was stopped, so that nothing is made after the cleaning up", async () => {
  const folder = await newPlace();
  const cli = join(folder, "never-serves.mjs");
  await writeFile(
    cli,
    "console.error(JSON.stringify({ msg: String(process.pid) })); setInterval(() => {}, 1000);",
  );
  const stop = new AbortController();
  let pid = 0;
  const onLog = ({ msg = "" }) => {
    pid = Number(msg);
    stop.abort(new Error("stopped"));
  };
  const started = startNode({ cli, folder, environment: {}, settings: {}, onLog }, stop.signal);
  await expect(started).rejects.toThrow("stopped");
  expect(pid).toBeGreaterThan(0);
  expect(() => process.kill(pid, 0)).toThrow("ESRCH");
});
