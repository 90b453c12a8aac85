import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { generateKek } from "../../src/keys/kek.ts";
import { apiTokensFolder } from "../../src/node/api-tokens.ts";
import type { Config } from "../../src/node/config.ts";
import { codeOf } from "../api-tokens/opened.ts";
import { givenToken } from "../http/given-token.ts";
import { openedTokens as open, opened } from "./opened.ts";
import { configIn, newPlace } from "./place.ts";

const signer = { name: "orders", role: "signer", by: "cli:tester" } as const;

/** A ring, and an API token of others beside it, so that the book begins with what a test issues. */
async function withRing(): Promise<Config> {
  const config = await configIn(await newPlace());
  const { trail } = await opened(config, { KEYTURN_API_TOKEN: givenToken() }, true);
  await trail.settled();
  return config;
}

describe("the API tokens of a configured node", () => {
  it("are kept in a folder of their own, for their owner alone", async () => {
    const config = await withRing();
    const tokens = await open(config);
    expect(tokens.list()).toEqual([]);
    const { token } = await tokens.issue(signer);
    const folder = apiTokensFolder(config);
    expect(folder).toBe(join(config.folder, "api-tokens"));
    const [name] = await readdir(folder);
    expect((await stat(join(folder, name as string))).mode & 0o777).toBe(0o600);
    expect(await (await open(config)).authenticate(token)).toMatchObject({ name: "orders" });
  });

  it("are not made where there is no ring that they could guard", async () => {
    const config = await configIn(await newPlace());
    expect(await codeOf(open(config))).toBe("ring_missing");
  });

  it("are not made under a KEK that is not the ring's", async () => {
    const config = await withRing();
    expect(await codeOf(open(config, { KEYTURN_KEK: generateKek() }))).toBe("kek_mismatch");
    expect(await readdir(config.folder)).not.toContain("api-tokens");
  });

  it("that cannot be read are no ring that cannot be read", async () => {
    const config = await withRing();
    await (await open(config)).issue(signer);
    const folder = apiTokensFolder(config);
    await writeFile(join(folder, "ring.0000000002.json"), "", { mode: 0o600 });
    expect(await codeOf(open(config))).toBe("api_tokens_corrupt");
  });
});
