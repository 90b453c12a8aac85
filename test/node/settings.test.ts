import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { settingsFile } from "../../src/cli/init.ts";
import { readConfig } from "../../src/node/config.ts";
import { SETTINGS } from "../../src/node/settings.ts";
import { environmentName, flagName, settingFromText } from "../../src/setting-text.ts";

const defaults = async () => {
  const { policy: _policy, file: _file, ...settings } = await readConfig({}, {});
  return settings as unknown as Record<string, unknown>;
};

/** Defaults that follow from another setting are written as `<…>`. */
const isDerived = (text: string) => text.includes("<");

describe("the list of settings", () => {
  it("has every setting exactly once", async () => {
    expect(SETTINGS.map(({ name }) => name).sort()).toEqual(Object.keys(await defaults()).sort());
  });

  it("shows the true defaults", async () => {
    const actual = await defaults();
    for (const { name, default: shown } of SETTINGS.filter((setting) => !isDerived(setting.default))) {
      expect(settingFromText(name, shown), name).toEqual(actual[name]);
    }
    const derived = SETTINGS.filter((setting) => isDerived(setting.default)).map(({ name }) => name);
    expect(derived).toEqual([
      "issuer",
      "apiTokensSecretId",
      "awsRegion",
      "awsEndpoint",
      "writesEverySeconds",
      "kekFile",
      "apiTokenFile",
      "auditLog",
      "jwksUrl",
      "overlapSeconds",
    ]);
  });

  it("says of each what it means, in whole sentences", () => {
    for (const { name, about } of SETTINGS) expect(about, name).toMatch(/^[A-Z].{20,150}\.$/);
  });

  it("gives each a flag and a variable of its own", () => {
    expect(new Set(SETTINGS.map(({ name }) => flagName(name))).size).toBe(SETTINGS.length);
    expect(new Set(SETTINGS.map(({ name }) => environmentName(name))).size).toBe(SETTINGS.length);
  });

  it("can be set in full by the environment alone, to what it says", async () => {
    const shown = SETTINGS.filter((setting) => !isDerived(setting.default));
    const environment = Object.fromEntries(
      shown.map(({ name, default: text }) => [environmentName(name), text]),
    );
    expect(await readConfig({}, environment)).toEqual(await readConfig({}, {}));
  });
});

describe("the file that init writes", () => {
  it("is YAML that sets nothing", () => {
    expect(parse(settingsFile())).toBeNull();
  });

  it("holds the defaults, to be uncommented", async () => {
    const uncommented = [...settingsFile().matchAll(/^# In the environment: .*\n# (.*)$/gm)].map(
      ([, line]) => line,
    );
    const settings = parse(uncommented.join("\n"));
    expect(Object.keys(settings)).toEqual(SETTINGS.map(({ name }) => name));
    const actual = await defaults();
    for (const [name, value] of Object.entries(settings)) {
      if (typeof value === "string" && isDerived(value)) continue;
      expect(value, name).toEqual(actual[name]);
    }
  });

  it("sets what it was given, so that the next command finds the same ring", () => {
    const given = {
      issuer: "https://auth.example.com",
      tokenSeconds: "60",
      standby: "false",
      overlapSeconds: "none",
      folder: "#1: 'a'",
    };
    expect(parse(settingsFile(given))).toEqual({
      issuer: "https://auth.example.com",
      tokenSeconds: 60,
      standby: false,
      overlapSeconds: null,
      folder: "#1: 'a'",
    });
  });

  it("explains each setting and names its variable", () => {
    for (const { name, about } of SETTINGS) {
      expect(settingsFile()).toContain(
        `# ${about}\n# In the environment: ${environmentName(name)}\n# ${name}: `,
      );
    }
  });
});
