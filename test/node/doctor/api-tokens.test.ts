/** What the doctor says of the book of API tokens, from real folders. */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { apiTokensFolder } from "../../../src/node/api-tokens.ts";
import { type Config, ringFolder } from "../../../src/node/config.ts";
import { checkApiTokens } from "../../../src/node/doctor/api-tokens.ts";
import { gathered } from "../../../src/node/doctor/evidence.ts";
import { givenToken } from "../../http/given-token.ts";
import { opened } from "../opened.ts";
import { put } from "../place.ts";
import { house } from "./house.ts";

const found = async (config: Config, now = systemClock.now()) =>
  checkApiTokens(config, await gathered(config, {}), now);

async function newest(config: Config): Promise<string> {
  const folder = apiTokensFolder(config);
  return join(folder, (await readdir(folder)).sort().at(-1) as string);
}

describe("the book of API tokens", () => {
  it("that is whole is said to be, with how many are good", async () => {
    const { config } = await house();
    expect(await found(config)).toMatchObject({ verdict: "ok", what: expect.stringContaining("1 are good") });
    await rm(apiTokensFolder(config), { recursive: true });
    expect(await found(config)).toMatchObject({ verdict: "ok", what: "No API token has been issued." });
  });

  it("that is damaged, or stands beside a ring that was made anew, is said with what to do", async () => {
    const { config } = await house();
    const path = await newest(config);
    const whole = await readFile(path);
    await put(path, "{}");
    expect(await found(config)).toMatchObject({
      name: "api-tokens",
      verdict: "fail",
      what: expect.stringContaining("cannot be read"),
      fix: expect.stringContaining("Restore"),
    });
    await put(path, whole);
    for (const gone of [ringFolder(config), config.auditLog]) await rm(gone, { recursive: true });
    await opened(config, { KEYTURN_API_TOKEN: givenToken() }, true);
    expect(await found(config)).toMatchObject({
      verdict: "fail",
      what: expect.stringContaining("those of another ring"),
    });
  });

  it("is nobody's concern as long as KEK or ring cannot be read", async () => {
    const { config } = await house();
    await rm(config.kekFile);
    expect(await found(config)).toBeNull();
  });

  it("that was changed in the future of this clock is worth a word", async () => {
    const { config } = await house();
    const now = systemClock.now();
    expect(await found(config, now - 3600)).toMatchObject({
      verdict: "warn",
      what: expect.stringMatching(/last changed 3\d\d\d s in the future of this clock/),
    });
  });
});
