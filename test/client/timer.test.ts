import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { systemTimer, wait } from "../../src/client/timer.ts";

describe.each(["after", "inBackground"] as const)("%s", (method) => {
  it("fires, and not when it is called off", async () => {
    const fired: string[] = [];
    const callOff = systemTimer[method](0, () => fired.push("called off"));
    callOff();
    await new Promise<void>((resolve) => {
      systemTimer[method](0, () => {
        fired.push("let be");
        resolve();
      });
    });
    await wait(systemTimer, 0.001);
    expect(fired).toEqual(["let be"]);
  });
});

/** What a process says that imports from src/client and does this. */
function saidBy(name: string, code: string): { status: number | null; stdout: string } {
  const from = new URL(`../../src/client/${name}`, import.meta.url);
  const script = `import * as client from "${from}"; ${code}`;
  const { status, stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    timeout: 30_000,
  });
  return { status, stdout };
}

it("keeps no process alive that has nothing else to do", () => {
  const idle = "client.systemTimer.inBackground(3600, () => undefined);";
  expect(saidBy("timer.ts", idle)).toEqual({ status: 0, stdout: "" });
  const client = 'client.createClient({ url: "http://127.0.0.1:9", apiToken: "keyturn_any" });';
  expect(saidBy("index.ts", client)).toEqual({ status: 0, stdout: "" });
});

it("keeps one alive that waits for it", () => {
  const waits = 'client.wait(client.systemTimer, 0.01).then(() => process.stdout.write("done"));';
  expect(saidBy("timer.ts", waits)).toEqual({ status: 0, stdout: "done" });
});
