import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Problem } from "../../src/errors.ts";
import { readConfig } from "../../src/node/config.ts";
import { newPlace } from "./place.ts";

/** Everything that is said against a configuration; the file holds it as JSON, so that any value may be tried. */
async function problemsOf(
  file: Record<string, unknown>,
  environment: Record<string, string> = {},
  flags: Record<string, string> = {},
): Promise<readonly Problem[]> {
  const path = join(await newPlace({ "k.json": JSON.stringify(file) }), "k.json");
  const refusal = await readConfig(flags, environment, path).then(
    () => ({ code: "accepted", problems: [] }),
    (error) => error,
  );
  expect(refusal.code).toBe("config_invalid");
  return refusal.problems;
}

const wrong: Readonly<Record<string, { values: readonly unknown[]; says: RegExp }>> = {
  issuer: {
    values: [
      7,
      "",
      "auth.corp.example",
      "http://auth.corp.example",
      "ftp://auth.corp.example",
      "https://a.example?x=1",
      "https://a.example#x",
      "https://u:pass@a.example",
      "https://a.example\n",
      ["https://a.example"],
    ],
    says: /^Expected an https URL without query and fragment/,
  },
  listen: {
    values: [
      3000,
      "3000",
      "localhost",
      "localhost:",
      "localhost:http",
      ":3000",
      "127.0.0.1:-1",
      "127.0.0.1:65536",
      "127.0.0.1:3000 ",
      "::1:3000",
      "",
      null,
    ],
    says: /^Expected address:port, like 127\.0\.0\.1:3000\.$/,
  },
  folder: { values: ["", 7, null, [".keyturn"]], says: /^Expected a path/ },
  store: {
    values: ["", "s3", "AWS", true, null],
    says: /^Expected file or aws-secrets-manager \(short: aws\)\.$/,
  },
  awsRegion: { values: ["", "eu central 1", "EU", 1], says: /^Expected a region, like eu-central-1\.$/ },
  awsEndpoint: {
    values: ["", "localhost", "http://aws.example", "https://u:p@aws.example", 7],
    says: /^Expected an https URL, or http on this machine/,
  },
  writesEverySeconds: {
    values: [-1, 0.5, "900", 86_401, true],
    says: /^Expected (a whole number of seconds, like 900; 0 where|at most 86400)/,
  },
  kmsKeyId: { values: ["", "a b", 7], says: /^Expected the id, ARN or alias of a KMS key/ },
  kekFile: { values: ["", 7, ["kek"]], says: /^Expected a path/ },
  previousKekFile: { values: ["", 7, false], says: /^Expected a path/ },
  apiTokenFile: { values: ["", 7], says: /^Expected a path/ },
  auditLog: { values: ["", 7, true], says: /^Expected a path/ },
  jwksUrl: {
    values: ["", "cdn.example.com/jwks", "ftp://cdn.example.com/jwks", "javascript:alert(1)", 7],
    says: /^Expected an http\(s\) URL\.$/,
  },
  probe: { values: ["true", "yes", 1, 0, null], says: /^Expected true or false\.$/ },
  standby: { values: ["true", "no", 1, 0, null], says: /^Expected true or false\.$/ },
  tokenTyp: {
    values: ["", "a b", "application/jwt\n", 'J"WT', "x".repeat(61), 7],
    says: /^Expected a media type/,
  },
  tickSchedule: {
    values: ["", "hourly", "* * *", "61 * * * *", "* * * * * * *", 60, null],
    says: /^Expected a cron expression/,
  },
  logLevel: { values: ["", "INFO", "trace", "silent", 30], says: /^Expected debug, info, warn or error\.$/ },
  alg: {
    values: ["none", "HS256", "es256", "ES256K", "RS1", "", 256, ["ES256", "RS256"], null],
    says: /^Expected one of ES256,/,
  },
  rsaBits: { values: [1024, 2047, 3000, 8192, "3072", null], says: /^Expected 2048, 3072, 4096 \(bits\)\.$/ },
};
const durations = [
  "rotateEverySeconds",
  "jwksCacheSeconds",
  "tokenSeconds",
  "skewSeconds",
  "refreshSeconds",
  "leaseSeconds",
  "fetchSeconds",
  "leewaySeconds",
  "overlapSeconds",
];
const notSeconds = ["600", "10m", "5 min", "1e3", "", " 600", 0.5, true, [600], { seconds: 600 }];

describe("a value that cannot be", () => {
  for (const [name, { values, says }] of Object.entries(wrong)) {
    it(`is refused for ${name}, by name and with what was expected, and is not repeated`, async () => {
      for (const value of values) {
        const problems = await problemsOf({ [name]: value });
        expect(problems, JSON.stringify(value)).toEqual([
          { code: "wrong_value", at: name, message: expect.stringMatching(says) },
        ]);
        if (typeof value === "string" && value.length > 5)
          expect(JSON.stringify(problems)).not.toContain(value);
      }
    });
  }

  for (const name of durations) {
    it(`is refused for ${name} unless it is a whole number of seconds within ten years`, async () => {
      for (const value of notSeconds) {
        expect(await problemsOf({ [name]: value }), JSON.stringify(value)).toEqual([
          { code: "wrong_value", at: name, message: "Expected a whole number of seconds, like 600." },
        ]);
      }
      const [low] = await problemsOf({ [name]: -1 });
      expect(low).toMatchObject({
        at: name,
        message: expect.stringMatching(/^Expected at least [01] \(seconds\)\.$/),
      });
      const [high] = await problemsOf({ [name]: 315_360_001 });
      expect(high).toMatchObject({
        at: name,
        message: expect.stringMatching(/^Expected at most 315360000 /),
      });
    });
  }

  it("is refused in flag and environment as in the file", async () => {
    for (const text of ["", "10m", "1e3", "0x384", "NaN", "Infinity", "-5", "600s"]) {
      const [fromEnvironment] = await problemsOf({}, { KEYTURN_TOKEN_SECONDS: text });
      const [fromFlag] = await problemsOf({}, {}, { tokenSeconds: text });
      expect(fromEnvironment, text).toMatchObject({ at: "tokenSeconds" });
      expect(fromFlag).toEqual(fromEnvironment);
    }
    expect(await problemsOf({}, { KEYTURN_PROBE: "1" })).toMatchObject([{ at: "probe" }]);
  });

  it("is refused with the sum, when each alone would do but not both", async () => {
    const [problem] = await problemsOf({ overlapSeconds: 1200, tokenSeconds: 3600 });
    expect(problem).toMatchObject({
      code: "overlap_too_short",
      at: "overlapSeconds",
      message: expect.stringMatching(/20m < 63m30s = lease 2m \+ token 60m \+ leeway 30s \+ 2 × skew 30s/),
    });
  });

  it("is an address for other machines without an issuer that they can use", async () => {
    const [problem] = await problemsOf({ listen: "0.0.0.0:3000" });
    expect(problem).toMatchObject({
      code: "issuer_needed",
      at: "issuer",
      message: expect.stringMatching(/like https:\/\/auth/),
    });
    const listen = { KEYTURN_LISTEN: "0.0.0.0:3000" };
    expect((await readConfig({ issuer: "https://auth.example.com" }, listen)).issuer).toBe(
      "https://auth.example.com",
    );
  });
});

describe("a name that is no setting", () => {
  const nearest: readonly [string, string | null][] = [
    ["overlpaSeconds", "overlapSeconds"],
    ["jwksCacheSecond", "jwksCacheSeconds"],
    ["kekfile", "kekFile"],
    ["KEKFILE", "kekFile"],
    ["algo", "alg"],
    ["isuer", "issuer"],
    ["token_seconds", "tokenSeconds"],
    ["foo", null],
    ["x", null],
    ["<<", null],
    ["webhookUrl", null],
    ["__proto__", null],
    ["constructor", null],
  ];
  for (const [name, near] of nearest) {
    it(`is refused, ${near === null ? "and nothing is put forward" : `with ${near} put forward`}: ${name}`, async () => {
      const [problem, ...others] = await problemsOf(JSON.parse(`{"${name}": 1}`));
      expect(others).toEqual([]);
      // What does not look like a name may be a value.
      const at = /^\w+$/.test(name) ? name : "(a name that is not shown)";
      expect(problem).toMatchObject({ code: "unknown_setting", at });
      const hint = near === null ? "" : ` Did you mean "${near}"?`;
      expect(problem?.message).toBe(`There is no such setting.${hint}`);
    });
  }

  it("is refused in the environment too, with the variable that it may have been meant for", async () => {
    expect(
      await problemsOf({}, { KEYTURN_TOKEN_SECOND: "60", KEYTURN_API_TOKN: "x", KEYTURN_WHATEVER_ELSE: "x" }),
    ).toEqual([
      {
        code: "unknown_setting",
        at: "KEYTURN_TOKEN_SECOND",
        message: 'There is no such setting. Did you mean "KEYTURN_TOKEN_SECONDS"?',
      },
      {
        code: "unknown_setting",
        at: "KEYTURN_API_TOKN",
        message: 'There is no such setting. Did you mean "KEYTURN_API_TOKEN"?',
      },
      { code: "unknown_setting", at: "KEYTURN_WHATEVER_ELSE", message: "There is no such setting." },
    ]);
  });
});

describe("a secret in the configuration", () => {
  for (const name of ["kek", "previousKek", "apiToken"]) {
    it(`is refused by name and never printed: ${name}`, async () => {
      const secret = "3UQKwGr-TAc0nOlu0xQ3tjrE1XlRISVB6Lw-gV34ZFM";
      const problems = await problemsOf({ [name]: secret });
      expect(problems).toMatchObject([
        { code: "secret_inline", at: name, message: expect.stringContaining(`${name}File`) },
      ]);
      expect(JSON.stringify(problems)).not.toContain(secret);
    });
  }
});

describe("several problems", () => {
  it("are all told at once, wherever they come from, each on its own and in one sentence", async () => {
    const file = { kek: "x", overlpaSeconds: 1, tokenSeconds: -1, listen: "x", alg: "none", issuer: 7 };
    const path = join(await newPlace({ "k.json": JSON.stringify(file) }), "k.json");
    const refusal = await readConfig({ logLevel: "loud" }, { KEYTURN_NOPE: "x" }, path).catch(
      (error) => error,
    );
    const places = refusal.problems.map(({ at }: Problem) => at);
    expect(places.sort()).toEqual([
      "KEYTURN_NOPE",
      "alg",
      "issuer",
      "kek",
      "listen",
      "logLevel",
      "overlpaSeconds",
      "tokenSeconds",
    ]);
    for (const { at, message } of refusal.problems) expect(refusal.message).toContain(`${at}: ${message}`);
  });
});
