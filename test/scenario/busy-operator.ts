/** An operator who cannot decide: pauses and resumes a ring until killed. `busy-operator.ts <folder>` */
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { readConfig } from "../../src/node/config.ts";
import { openConfigured } from "../../src/node/open.ts";
import { KEPT_GENERATIONS } from "../../src/store/file.ts";

const [folder = ""] = process.argv.slice(2);
const { manager, trail } = await openConfigured(await readConfig({ folder }, {}), {
  create: false,
  runs: "node",
  environment: {},
  onEvent: () => {},
});
for (let commits = 1; ; commits++) {
  await (commits % 2 === 1 ? manager.pause() : manager.resume());
  await trail.settled();
  // Once old generations are being pruned, commits have all the calls that they can have.
  if (commits === KEPT_GENERATIONS) process.stdout.write("busy\n");
  await delay(5);
}
