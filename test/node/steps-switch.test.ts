import { rename } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { stepsSwitch } from "../../src/node/steps-switch.ts";
import type { LogLine } from "../../src/rehearsal/node-process.ts";
import { jwksOf, startServer } from "../fire/server.ts";
import { manualClock } from "../manager/manual-clock.ts";
import { newPlace, put } from "./place.ts";

describe("the switch of a node's steps", () => {
  it("is looked up each time, and stays as it was while it cannot be", async () => {
    let now: "on" | "off" | "broken" = "off";
    const errors: unknown[] = [];
    const reread = async () => {
      if (now === "broken") throw new Error("broken");
      return { steps: now };
    };
    const clock = manualClock();
    const stepsOn = stepsSwitch({ steps: "on" }, reread, (error) => errors.push(error), clock);
    expect(await stepsOn()).toBe(false);
    now = "broken";
    expect(await stepsOn()).toBe(false);
    now = "on";
    expect(await stepsOn()).toBe(false);
    clock.advance(60);
    expect(await stepsOn()).toBe(true);
    now = "broken";
    expect(await stepsOn()).toBe(true);
    expect(errors).toHaveLength(2);
  });

  it("is turned off at once, and on by no reading alone", async () => {
    const readings: ("on" | "off")[] = ["on", "off", "on", "off", "on", "on", "off"];
    const reread = async () => ({ steps: readings.shift() ?? "off" });
    const clock = manualClock();
    const stepsOn = stepsSwitch({ steps: "off" }, reread, () => {}, clock);
    const answers = [];
    for (; readings.length > 0; clock.advance(60)) answers.push(await stepsOn());
    expect(answers).toEqual([false, false, false, false, false, true, false]);
  });

  it("is not turned on by a file that is empty for a moment, however often it is asked meanwhile", async () => {
    const clock = manualClock();
    const stepsOn = stepsSwitch(
      { steps: "off" },
      async () => ({ steps: "on" }),
      () => {},
      clock,
    );
    const answers = [];
    for (; answers.length < 4; clock.advance(0.6)) answers.push(await stepsOn());
    expect(answers).toEqual([false, false, false, false]);
    expect(await stepsOn()).toBe(true);
  });

  it("is not turned on by readings with a failure between them", async () => {
    const readings: ("on" | "broken")[] = ["on", "broken", "on", "on"];
    const reread = async () => {
      const steps = readings.shift();
      if (steps !== "on") throw new Error("broken");
      return { steps };
    };
    const clock = manualClock();
    const stepsOn = stepsSwitch({ steps: "off" }, reread, () => {}, clock);
    const answers = [];
    for (; answers.length < 4; clock.advance(60)) answers.push(await stepsOn());
    expect(answers).toEqual([false, false, false, true]);
  });

  it("that nobody looks up stays", async () => {
    for (const steps of ["on", "off"] as const)
      expect(await stepsSwitch({ steps }, undefined, () => {})()).toBe(steps === "on");
  });
});

/** A server whose log can be waited for. */
async function logging(folder: string) {
  const lines: LogLine[] = [];
  const server = await startServer(folder, { onLog: (line) => lines.push(line) });
  let read = 0;
  return {
    server,
    lines,
    /** Waits for a line that has not been waited for yet. */
    async says(msg: string): Promise<LogLine> {
      const find = () => lines.findIndex((line, i) => i >= read && line.msg?.startsWith(msg) === true);
      await expect.poll(find, { timeout: 30_000, interval: 20 }).toBeGreaterThanOrEqual(0);
      read = find() + 1;
      return lines[read - 1] as LogLine;
    },
    /** Whatever is said from now on counts. */
    skip() {
      read = lines.length;
    },
  };
}

describe("steps: off in the configuration file", () => {
  it("stops the steps of a running server, also while the file is broken or gone, until it says on", async () => {
    const folder = await newPlace({ "keyturn.yaml": "steps: off\n" });
    const file = join(folder, "keyturn.yaml");
    const { server, lines, says, skip } = await logging(folder);
    const stepsTaken = () => lines.filter(({ msg }) => msg === "ring advanced").length;
    try {
      expect(await says("a due step was not taken")).toMatchObject({ because: "steps_off" });
      expect(await jwksOf(server)).toMatchObject({ generation: 1 });

      const spoilt = [
        () => put(file, "steps: ["),
        () => put(file, "steps: maybe\n"),
        () => rename(file, `${file}.aside`),
      ];
      for (const spoil of spoilt) {
        await spoil();
        skip();
        await says("the configuration could not be read again");
        expect(await says("a due step was not taken")).toMatchObject({ because: "steps_off" });
      }
      expect(stepsTaken()).toBe(1);

      await put(file, "steps: on\n");
      await says("ring advanced");
      await put(file, "steps: off\n");
      const { generation } = await jwksOf(server);
      expect(generation).toBeGreaterThan(1);
      skip();
      await says("a due step was not taken");
      skip();
      const taken = stepsTaken();
      await says("a due step was not taken");
      expect(stepsTaken()).toBe(taken);
    } finally {
      await server.stop();
    }
  });
});
