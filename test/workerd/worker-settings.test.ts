/** The settings of a deployment: as text and as wrangler's typed vars, and what is told of those that cannot be used. */
import { createScheduledController } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { configOf } from "../../src/cloudflare/settings.ts";
import { deployed, deployment, JWKS } from "./worker-isolate.ts";
import { lines } from "./worker-lines.ts";

const { KEY_RING } = deployed;
const ISSUER = { KEY_RING, KEYTURN_ISSUER: "https://auth.example.com" };

describe("settings", () => {
  it("are the same as text and as values", () => {
    const text = {
      ...ISSUER,
      KEYTURN_TOKEN_SECONDS: "300",
      KEYTURN_STANDBY: "false",
      KEYTURN_OVERLAP_SECONDS: "none",
      KEYTURN_PROBE: "true",
      KEYTURN_STEPS: "off",
    };
    const typed = {
      ...text,
      KEYTURN_TOKEN_SECONDS: 300,
      KEYTURN_STANDBY: false,
      KEYTURN_OVERLAP_SECONDS: null,
      KEYTURN_PROBE: true,
    };
    expect(configOf(text)).toEqual(configOf(typed));
    expect(configOf(typed)).toMatchObject({
      probe: true,
      steps: "off",
      ring: "default",
      policy: { tokenSeconds: 300, standby: false, overlapSeconds: null, jwksCacheSeconds: 600 },
    });
  });

  it("work as they are in a Worker", async () => {
    const isolate = (await deployment({ KEYTURN_TOKEN_TYP: "at+jwt", KEYTURN_TOKEN_SECONDS: 900 })).isolate();
    const { body } = await isolate.sign();
    expect(JSON.parse(atob(body.token.split(".")[0]))).toMatchObject({ typ: "at+jwt" });
  });

  it("do not look into what is no setting of theirs", () => {
    expect(() => configOf({ ...ISSUER, ...{ ISSUER: "x", keyturn_x: "y" } })).not.toThrow();
  });

  it.each([
    [
      "JSON where a number belongs",
      { KEYTURN_TOKEN_SECONDS: { seconds: 5 } },
      /tokenSeconds: Expected a whole/,
    ],
    ["a ring's name that is none", { KEYTURN_RING: "a b" }, /ring: Expected 1 to 64/],
    ["an issuer without TLS", { KEYTURN_ISSUER: "http://auth.example.com" }, /issuer: Expected an https URL/],
    ["no issuer", { KEYTURN_ISSUER: undefined }, /issuer: Expected an https URL/],
  ])("are refused: %s", (_, vars, why) => {
    expect(() => configOf({ ...ISSUER, ...vars } as never)).toThrow(why);
  });
});

describe("settings that cannot be used", () => {
  const wrong = {
    KEYTURN_ISSUER: "auth.example.com",
    KEYTURN_TOKENS_SECONDS: "s3cret-value",
    KEYTURN_JWKS_CACHE_SECONDS: 20,
    KEYTURN_LOG_LEVEL: "loud",
  };

  it("are all told at once in the log, by name and never by value, and to nobody else", async () => {
    const isolate = (await deployment(wrong)).isolate();
    const before = lines().length;
    const answer = await isolate.ask(JWKS);
    expect(answer.status).toBe(500);
    expect(await answer.json()).toEqual({
      type: "urn:keyturn:problem:config_invalid",
      title: "Config invalid",
      status: 500,
      code: "config_invalid",
    });
    const [line, ...more] = lines().slice(before);
    expect(more).toEqual([]);
    expect(line).toMatchObject({ level: "error", code: "config_invalid" });
    for (const told of ["issuer: ", "logLevel: ", "jwksCacheSeconds: ", 'mean "KEYTURN_TOKEN_SECONDS"?'])
      expect(line?.["detail"]).toContain(told);
    expect(JSON.stringify(line)).not.toMatch(/s3cret-value|loud"/);
  });

  it("do not let strangers fill the log", async () => {
    const isolate = (await deployment(wrong)).isolate();
    for (let request = 0; request < 300; request++) await isolate.glance(JWKS);
    expect(lines().filter(({ level }) => level === "error")).toHaveLength(200);
  });

  it("fail the cron handler too", async () => {
    const place = await deployment(wrong);
    const { worker } = place.isolate();
    const ticking = worker.scheduled(createScheduledController(), place.environment);
    await expect(ticking).rejects.toThrow(/settings cannot be used/);
    expect(lines().at(-1)).toMatchObject({ msg: "a tick failed", code: "config_invalid" });
  });

  it("are told as such where the objects are not bound", async () => {
    const isolate = (await deployment({ KEY_RING: undefined })).isolate();
    expect((await isolate.ask(JWKS)).status).toBe(500);
    expect(lines().at(-1)?.["detail"]).toMatch(/no binding KEY_RING/);
  });
});
