/** The Cron Trigger: the second heartbeat of a ring. */
import { createScheduledController } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { deployment } from "./worker-isolate.ts";
import { lines } from "./worker-lines.ts";

describe("the cron handler", () => {
  it("has the object take its step, and makes the ring where there is none", async () => {
    const place = await deployment();
    const environment = { ...place.environment, KEYTURN_RING: `ring-${crypto.randomUUID()}` };
    const isolate = place.isolate(undefined, environment);
    await isolate.worker.scheduled(createScheduledController({ cron: "* * * * *" }), environment);
    expect(place.asked).toEqual(["tick"]);
    expect(lines()).toMatchObject([{ step: "init" }, { step: "init" }]);
    expect(await isolate.kids()).toHaveLength(2);
  });

  it("is the default export's as well, by which the platform calls it", async () => {
    await exports.default.scheduled({ cron: "* * * * *" });
    expect(lines()[0]).toMatchObject({ ring: "default", step: "init" });
  });

  it.each([
    ["cannot be reached", "down", /line is down/],
    ["tells of an error", "refuses", /storage is used up/],
  ] as const)("fails, and says why in the log, when the object %s", async (_, line, why) => {
    const place = await deployment();
    place.line = line;
    const { worker } = place.isolate();
    await expect(worker.scheduled(createScheduledController(), place.environment)).rejects.toThrow(why);
    expect(lines().at(-1)).toMatchObject({ level: "error", msg: "a tick failed", ring: place.ring });
  });
});
