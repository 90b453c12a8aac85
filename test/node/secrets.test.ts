import { chmod, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openConfigured } from "../../src/node/open.ts";
import { createKek, readApiToken, readKeks } from "../../src/node/secrets.ts";
import { KEK, OTHER_KEK } from "../manager/fleet.ts";
import { configIn, newPlace, put } from "./place.ts";

/** A place with a KEK in a file, and its configuration. */
async function withKekFile(content: string) {
  const folder = await newPlace({ kek: content });
  return configIn(folder, { kekFile: join(folder, "kek") });
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "none",
    (error) => error.code,
  );

describe("the KEK", () => {
  it("is read from its file, white space around it ignored", async () => {
    for (const text of [KEK, `${KEK}\n`, `  ${KEK}\r\n\n`]) {
      expect(await readKeks(await withKekFile(text), {})).toEqual({ kek: KEK, previousKek: null });
    }
  });

  it("is read from the environment before its file, and taken out of it", async () => {
    const environment: Record<string, string | undefined> = { KEYTURN_KEK: `${OTHER_KEK}\n`, PATH: "/bin" };
    expect((await readKeks(await withKekFile(KEK), environment)).kek).toBe(OTHER_KEK);
    expect(environment).toEqual({ PATH: "/bin" });
  });

  it("comes with the one before it, from file or environment", async () => {
    const folder = await newPlace({ kek: KEK, previous: OTHER_KEK });
    const files = { kekFile: join(folder, "kek"), previousKekFile: join(folder, "previous") };
    expect(await readKeks(await configIn(folder, files), {})).toEqual({ kek: KEK, previousKek: OTHER_KEK });
    const environment = { KEYTURN_PREVIOUS_KEK: OTHER_KEK };
    expect(await readKeks(await withKekFile(KEK), environment)).toEqual({ kek: KEK, previousKek: OTHER_KEK });
    expect(environment).toEqual({});
  });

  it("is missed with the path and the variable where it may be", async () => {
    const config = await configIn(await newPlace());
    await expect(readKeks(config, {})).rejects.toMatchObject({
      code: "kek_missing",
      message: expect.stringMatching(/\.keyturn\/kek nor in KEYTURN_KEK/),
    });
  });

  it("is refused, and never repeated, when others can read its file", async () => {
    for (const mode of [0o644, 0o640, 0o604, 0o660]) {
      const config = await withKekFile(KEK);
      await chmod(config.kekFile, mode);
      const refusal = await readKeks(config, {}).catch((error) => error);
      expect(refusal).toMatchObject({ code: "store_permission", fix: expect.stringContaining("chmod 0600") });
      expect(refusal.message).toContain(`mode 0${mode.toString(8)}`);
      expect(refusal.message).not.toContain(KEK);
    }
  });

  it("is refused, with no ring made, when it is not 32 random bytes", async () => {
    const wrong = [
      "",
      "\n",
      "secret",
      KEK.slice(1),
      `${KEK}A`,
      `${KEK}=`,
      KEK.replace(/.$/, "+"),
      "A".repeat(43),
      `${KEK.slice(0, 20)} ${KEK.slice(20)}`,
    ];
    for (const text of wrong) {
      const config = await withKekFile(text);
      const options = { create: true, runs: "command", environment: {}, onEvent: () => {} } as const;
      const refusal = await openConfigured(config, options).catch((error) => error);
      expect(refusal, JSON.stringify(text)).toMatchObject({ code: "kek_invalid" });
      if (text.length > 10) expect(`${refusal.message} ${refusal.fix}`).not.toContain(text);
      expect(await codeOf(stat(join(config.folder, "ring")))).toBe("ENOENT");
    }
  });
});

describe("the API token", () => {
  it("is read from the environment before its file, and taken out of it", async () => {
    const folder = await newPlace({ token: "from-file\n" });
    const config = await configIn(folder, { apiTokenFile: join(folder, "token") });
    expect(await readApiToken(config, {})).toBe("from-file");
    const environment = { KEYTURN_API_TOKEN: "from-environment" };
    expect(await readApiToken(config, environment)).toBe("from-environment");
    expect(environment).toEqual({});
  });

  it("may be none, and is refused when others can read it", async () => {
    const folder = await newPlace();
    const config = await configIn(folder, { apiTokenFile: join(folder, "token") });
    expect(await readApiToken(config, {})).toBeNull();
    await put(join(folder, "token"), "from-file", 0o644);
    expect(await codeOf(readApiToken(config, {}))).toBe("store_permission");
  });
});

describe("a KEK that is made", () => {
  it("is a file of its owner alone, in a folder of its own", async () => {
    const config = await configIn(await newPlace());
    expect(await createKek(config, {})).toEqual([config.kekFile]);
    expect((await stat(config.kekFile)).mode & 0o777).toBe(0o600);
    expect((await stat(config.folder)).mode & 0o777).toBe(0o700);
    expect(await readFile(config.kekFile, "utf8")).toMatch(/^[\w-]{43}\n$/);
  });

  it("never takes the place of one that is there, in file or environment", async () => {
    const config = await configIn(await newPlace());
    await createKek(config, {});
    const kek = await readFile(config.kekFile, "utf8");
    expect(await createKek(config, {})).toEqual([]);
    expect(await readFile(config.kekFile, "utf8")).toBe(kek);

    const other = await configIn(await newPlace());
    expect(await createKek(other, { KEYTURN_KEK: "" })).toEqual([]);
    expect(await codeOf(stat(other.kekFile))).toBe("ENOENT");
  });

  it("is made by one alone of many who try at once", async () => {
    const config = await configIn(await newPlace());
    const made = await Promise.all(Array.from({ length: 8 }, () => createKek(config, {})));
    expect(made.flat()).toEqual([config.kekFile]);
  });
});

describe("a ring without its KEK", () => {
  it("gets no new one, even where missing things may be made", async () => {
    const config = await configIn(await newPlace());
    const options = { create: true, runs: "command", environment: {}, onEvent: () => {} } as const;
    const { trail } = await openConfigured(config, options);
    await trail.settled();

    await rm(config.kekFile);
    expect(await codeOf(openConfigured(config, options))).toBe("kek_missing");
    expect(await codeOf(stat(config.kekFile))).toBe("ENOENT");
  });
});
