import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Config, readConfig, ringFolder } from "../../src/node/config.ts";
import { DEFAULT_POLICY } from "../../src/ring/policy.ts";
import { newPlace } from "./place.ts";

/** The configuration of one file in a folder of its own. */
async function fromFile(name: string, text: string | Uint8Array): Promise<Config> {
  return readConfig({}, {}, join(await newPlace({ [name]: text }), name));
}

describe("without anything configured", () => {
  it("every setting has its default", async () => {
    expect(await readConfig({}, {})).toEqual({
      ...DEFAULT_POLICY,
      issuer: "http://127.0.0.1:3000",
      listen: "127.0.0.1:3000",
      folder: ".keyturn",
      store: "file",
      secretId: null,
      apiTokensSecretId: null,
      awsRegion: null,
      awsEndpoint: null,
      writesEverySeconds: null,
      kekSecretId: null,
      kmsKeyId: null,
      kekFile: ".keyturn/kek",
      previousKekFile: null,
      apiTokenFile: ".keyturn/api-token",
      auditLog: ".keyturn/audit.jsonl",
      auditUrl: null,
      auditTokenFile: null,
      jwksUrl: null,
      probe: false,
      tokenTyp: "JWT",
      tickSchedule: "* * * * *",
      steps: "on",
      adminListen: "same",
      logLevel: "info",
      policy: DEFAULT_POLICY,
      file: null,
    });
  });

  it("what lies in the folder follows the folder, and the issuer the address", async () => {
    const config = await readConfig({ folder: "/var/lib/keyturn", listen: "localhost:8080" }, {});
    expect(config).toMatchObject({
      kekFile: "/var/lib/keyturn/kek",
      apiTokenFile: "/var/lib/keyturn/api-token",
      auditLog: "/var/lib/keyturn/audit.jsonl",
      issuer: "http://localhost:8080",
    });
    expect(ringFolder(config)).toBe("/var/lib/keyturn/ring");
  });
});

describe("of several sources", () => {
  it("flags win over the environment, which wins over the file, which wins over the defaults", async () => {
    const file = join(
      await newPlace({ "k.yaml": "tokenSeconds: 100\nskewSeconds: 1\nleewaySeconds: 11\n" }),
      "k.yaml",
    );
    const environment = { KEYTURN_TOKEN_SECONDS: "200", KEYTURN_SKEW_SECONDS: "2" };
    const config = await readConfig({ tokenSeconds: "300" }, environment, file);
    expect(config.policy).toMatchObject({
      tokenSeconds: 300,
      skewSeconds: 2,
      leewaySeconds: 11,
      refreshSeconds: 30,
    });
    expect(config).toMatchObject({ tokenSeconds: 300, skewSeconds: 2, leewaySeconds: 11, file });
  });

  it("a flag may take back what the file says", async () => {
    const text = "overlapSeconds: 9999\njwksUrl: https://cdn.example.com/jwks\npreviousKekFile: old\n";
    const file = join(await newPlace({ "k.yaml": text }), "k.yaml");
    const none = { overlapSeconds: "none", jwksUrl: "none", previousKekFile: "none" };
    expect(await readConfig(none, {}, file)).toMatchObject({
      overlapSeconds: null,
      jwksUrl: null,
      previousKekFile: null,
    });
  });

  it("a file named as a flag wins over one named in the environment", async () => {
    const folder = await newPlace({ "a.yaml": "tokenSeconds: 100", "b.yaml": "tokenSeconds: 200" });
    const environment = { KEYTURN_CONFIG: join(folder, "b.yaml") };
    expect((await readConfig({}, environment)).tokenSeconds).toBe(200);
    expect((await readConfig({}, environment, join(folder, "a.yaml"))).tokenSeconds).toBe(100);
  });

  it("texts of flags and environment become numbers and switches where those are meant", async () => {
    const environment = {
      KEYTURN_STANDBY: "false",
      KEYTURN_PROBE: "true",
      KEYTURN_RSA_BITS: "4096",
      PATH: "/bin",
    };
    const config = await readConfig({ skewSeconds: "0", folder: "12" }, environment);
    expect(config).toMatchObject({
      standby: false,
      probe: true,
      rsaBits: 4096,
      skewSeconds: 0,
      folder: "12",
    });
  });

  it("the environment's other variables, secrets and service links are no settings", async () => {
    const environment = {
      HOME: "/root",
      KEYTURNS: "x",
      KEYTURN_KEK: "x",
      KEYTURN_PREVIOUS_KEK: "x",
      KEYTURN_API_TOKEN: "x",
      // What Kubernetes adds to every pod beside a service named keyturn.
      KEYTURN_SERVICE_HOST: "10.0.0.1",
      KEYTURN_SERVICE_PORT: "3000",
      KEYTURN_SERVICE_PORT_HTTP: "3000",
      KEYTURN_PORT: "tcp://10.0.0.1:3000",
      KEYTURN_PORT_3000_TCP: "tcp://10.0.0.1:3000",
      KEYTURN_PORT_3000_TCP_ADDR: "10.0.0.1",
    };
    expect(await readConfig({}, environment)).toEqual(await readConfig({}, {}));
  });
});

describe("a configuration file", () => {
  const text =
    '{\n  "issuer": "https://auth.example.com",\n  "tokenSeconds": 60,\n  "standby": false,\n  "jwksUrl": null\n}\n';
  const expected = { issuer: "https://auth.example.com", tokenSeconds: 60, standby: false, jwksUrl: null };

  it("may be JSON", async () => {
    expect(await fromFile("k.json", text)).toMatchObject(expected);
  });

  it("may be YAML", async () => {
    const yaml =
      "# ours\nissuer: https://auth.example.com\ntokenSeconds: 60 # short\nstandby: false\njwksUrl:\n";
    expect(await fromFile("k.yaml", yaml)).toMatchObject(expected);
  });

  it("may begin with a byte order mark and end its lines as Windows does", async () => {
    expect(await fromFile("k.yaml", "\uFEFFtokenSeconds: 60\r\nstandby: false\r\n")).toMatchObject({
      tokenSeconds: 60,
      standby: false,
    });
  });

  for (const [what, empty] of [
    ["nothing", ""],
    ["a line feed", "\n"],
    ["only comments", "# a\n# b\n"],
    ["null", "null"],
    ["an empty object", "{}"],
  ] as const) {
    it(`may hold ${what}, and then changes nothing`, async () => {
      const { file, ...config } = await fromFile("k.yaml", empty);
      const { file: _none, ...defaults } = await readConfig({}, {});
      expect(config).toEqual(defaults);
      expect(file).toMatch(/k\.yaml$/);
    });
  }
});

const refusalOf = (work: Promise<unknown>): Promise<Error & { code: string; fix: string }> =>
  work.then(
    () => Promise.reject(new Error("It was accepted.")),
    (error) => error,
  );

describe("a configuration file that cannot be read", () => {
  it("is refused with its path and the system's reason when it was named", async () => {
    const folder = await newPlace();
    for (const [path, why] of [
      [join(folder, "nowhere.yaml"), "ENOENT"],
      [folder, "EISDIR"],
      [join(folder, "a\0b"), "ERR_INVALID_ARG_VALUE"],
    ] as const) {
      const refusal = await refusalOf(readConfig({}, {}, path));
      expect(refusal).toMatchObject({
        code: "config_not_found",
        fix: expect.stringContaining("keyturn init"),
      });
      expect(refusal.message).toContain(`"${path}" cannot be read (${why})`);
    }
    expect(await refusalOf(readConfig({}, { KEYTURN_CONFIG: "" }))).toMatchObject({
      code: "config_not_found",
    });
  });
});

describe("a configuration file that makes no sense", () => {
  const SECRET = "hunter2";
  const files: readonly [string, string, RegExp][] = [
    ["is not YAML", `a: b: ${SECRET}`, /at line 1, column 4 \(block as implicit key\)/],
    [
      "is broken in its third line",
      `alg: ES256\nstandby: true\ntokenSeconds: "${SECRET}\n`,
      /at line \d, column \d+ \(/,
    ],
    ["is broken JSON", `{\n "alg": "ES256"\n "kekFile": "${SECRET}"\n}`, /at line 3, column \d+ \(/],
    [
      "names a setting twice",
      `tokenSeconds: 60\napiToken: ${SECRET}\ntokenSeconds: 90\n`,
      /at line 3, column 1 \(duplicate key\)/,
    ],
    [
      "holds two documents",
      `apiToken: ${SECRET}\n---\nalg: ES256\n`,
      /at line 2, column 1 \(multiple docs\)/,
    ],
    ["leaves a star unquoted", "tickSchedule: * * * * *\n", /at line 1, column 15 \(bad alias\)/],
    ["refers to what is not there", `kekFile: *${SECRET}\n`, /alias that leads nowhere/],
    ["is a bomb of aliases", `a: &a [${SECRET},x,x,x,x,x,x,x,x]\n${bomb(7)}`, /alias .* too much/],
    ["is a list", `- tokenSeconds: 60\n- ${SECRET}\n`, /does not hold settings by name/],
    ["is a text", SECRET, /does not hold settings by name/],
    ["is a number", "7", /does not hold settings by name/],
    ["is a tab too much", `a:\n\t- ${SECRET}\n`, /at line 2, column 1/],
  ];
  for (const [what, text, where] of files) {
    it(`is refused with the place and without its content when it ${what}`, async () => {
      const refusal = await refusalOf(fromFile("k.yaml", text));
      expect(refusal).toMatchObject({
        code: "config_parse",
        fix: expect.stringContaining("tokenSeconds: 900"),
      });
      expect(refusal.message).toMatch(where);
      expect(JSON.stringify([refusal, refusal.message, String(refusal.cause)])).not.toContain(SECRET);
    });
  }

  function bomb(depth: number): string {
    return Array.from({ length: depth }, (_, i) => {
      const [before, name] = [String.fromCharCode(97 + i), String.fromCharCode(98 + i)];
      return `${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(",")}]\n`;
    }).join("");
  }
});
