import { describe, expect, it } from "vitest";
import { environmentName, flagName, settingFromText, unknownSetting } from "../src/setting-text.ts";

describe("the text of a setting", () => {
  it("stands for a number, a switch or nothing where the setting is one", () => {
    expect(settingFromText("tokenSeconds", "900")).toBe(900);
    expect(settingFromText("tokenSeconds", "-1")).toBe(-1);
    expect(settingFromText("skewSeconds", "0.5")).toBe(0.5);
    expect(settingFromText("rsaBits", "3072")).toBe(3072);
    expect(settingFromText("writesEverySeconds", "0")).toBe(0);
    expect(settingFromText("standby", "false")).toBe(false);
    expect(settingFromText("probe", "true")).toBe(true);
    expect(settingFromText("overlapSeconds", "none")).toBeNull();
    expect(settingFromText("jwksUrl", "none")).toBeNull();
  });

  it("stays text where it does not convert, to be refused by name", () => {
    for (const text of ["", "900s", "1e3", "0x10", " 900", "none"])
      expect(settingFromText("tokenSeconds", text)).toBe(text);
    for (const text of ["1", "yes", "TRUE"]) expect(settingFromText("standby", text)).toBe(text);
  });

  it("is only a text everywhere else", () => {
    expect(settingFromText("folder", "900")).toBe("900");
    expect(settingFromText("tokenTyp", "true")).toBe("true");
    expect(settingFromText("issuer", "none")).toBe("none");
  });
});

it("names a setting as a flag and in an environment", () => {
  expect(flagName("jwksCacheSeconds")).toBe("--jwks-cache-seconds");
  expect(environmentName("jwksCacheSeconds")).toBe("KEYTURN_JWKS_CACHE_SECONDS");
  expect(environmentName("alg")).toBe("KEYTURN_ALG");
});

describe("an unknown setting", () => {
  it("is refused with the nearest that there is", () => {
    expect(unknownSetting("KEYTURN_ISUER", ["KEYTURN_RING", "KEYTURN_ISSUER"])).toEqual({
      code: "unknown_setting",
      at: "KEYTURN_ISUER",
      message: 'There is no such setting. Did you mean "KEYTURN_ISSUER"?',
    });
    expect(unknownSetting("colour", ["issuer"]).message).toBe("There is no such setting.");
  });

  it("is not shown where it may be a value that slipped", () => {
    for (const name of [
      "eyJhbGciOiJub25lIn0.e30.",
      "3UQKwGr-TAc0nOlu0xQ3tjrE1XlRISVB6Lw",
      "x".repeat(41),
      "",
    ])
      expect(unknownSetting(name, ["issuer"]).at).toBe("(a name that is not shown)");
  });
});
