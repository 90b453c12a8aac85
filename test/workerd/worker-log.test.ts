/** The log of a Worker: every test beside this one holds its lines to their form, and looks for secrets in them. */
import { describe, expect, it } from "vitest";
import { consoleLog, type LogLevel } from "../../src/cloudflare/log.ts";
import { bearer, deployment } from "./worker-isolate.ts";
import { lines } from "./worker-lines.ts";

const of = (msg: string) => lines().filter((line) => line.msg === msg);

describe("the log", () => {
  it.each<[LogLevel, string[]]>([
    ["debug", ["debug", "info", "warn", "error"]],
    ["info", ["info", "warn", "error"]],
    ["warn", ["warn", "error"]],
    ["error", ["error"]],
  ])("holds what is at least as grave as %s", (least, written) => {
    const tell = consoleLog(least, "blue");
    tell({ type: "token_signed", kid: "k" });
    tell({ type: "store_recovered" });
    tell({ type: "step_blocked", because: "steps_off" });
    tell({ type: "tick_failed", error: new Error("no") });
    expect(lines().map(({ level }) => level)).toEqual(written);
    expect(lines().every(({ ring }) => ring === "blue")).toBe(true);
  });

  it("tells of a signature only where every one of them is asked for", async () => {
    await (await deployment()).isolate().sign();
    expect(of("token signed")).toEqual([]);
    const place = await deployment({ KEYTURN_LOG_LEVEL: "debug" });
    await place.isolate().sign();
    expect(of("token signed")).toMatchObject([{ level: "debug", ring: place.ring, kid: expect.any(String) }]);
  });

  it("tells of strangers, refusals and failures, and of nothing that they have sent", async () => {
    const place = await deployment();
    const isolate = place.isolate();
    await isolate.sign("s3cret-of-a-stranger-aaaaaaaaaaaaaaaaaaaaaaaaaaa");
    await isolate.sign(undefined, { claims: { iss: "s3cret-claim" } });
    await isolate.ask("/v1/tokens?api_token=s3cret-in-url", {
      method: "POST",
      headers: bearer("KEYTURN_API_TOKEN"),
    });
    place.line = "down";
    await isolate.command("/v1/ring/s3cret-path");
    expect(of("a request was denied")).toMatchObject([
      { code: "unauthenticated" },
      { code: "token_in_query" },
    ]);
    expect(of("token refused")).toMatchObject([{ code: "claims_invalid" }]);
    expect(of("a request failed")).toMatchObject([{ code: "store_unavailable" }]);
    expect(JSON.stringify(lines())).not.toContain("s3cret");
  });

  it("tells once what became of a ring, however many isolates read it", async () => {
    const place = await deployment();
    for (const isolate of [place.isolate(), place.isolate()]) await isolate.sign();
    const told = of("ring advanced").filter((line) => line["step"] === "init");
    expect(told).toMatchObject([{ own: true }]);
  });
});
