/** The rules of the house, as far as a program can tell. ARCHITECTURE.md gives the reasons. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

/** Who may import whom, beside itself. Files directly in src count as folders of their own. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "errors.ts": [],
  "clock.ts": [],
  "deadline.ts": [],
  "answer.ts": [],
  "back-off.ts": [],
  "chance.ts": [],
  "safe-url.ts": [],
  "schema.ts": ["errors.ts"],
  "strict-json.ts": [],
  "setting-text.ts": ["errors.ts", "schema.ts", "ring"],
  // Of all settings, those that have nothing to do with where keyturn runs.
  "issuer-settings.ts": ["manager"],
  "secret-settings.ts": ["errors.ts", "safe-url.ts", "aws"],
  ring: ["errors.ts", "schema.ts"],
  keys: ["errors.ts", "ring"],
  // What everything that AWS keeps for us shares.
  aws: ["errors.ts", "clock.ts", "deadline.ts", "back-off.ts", "safe-url.ts"],
  kek: ["errors.ts", "clock.ts", "chance.ts", "aws", "keys"],
  store: ["errors.ts", "clock.ts", "deadline.ts", "chance.ts", "aws"],
  telemetry: ["errors.ts", "clock.ts", "ring", "store"],
  "api-tokens": ["errors.ts", "clock.ts", "schema.ts", "ring", "keys", "store", "telemetry"],
  // A service in another process has nothing of ours but this.
  client: ["errors.ts", "clock.ts", "deadline.ts", "answer.ts", "back-off.ts", "chance.ts", "safe-url.ts"],
  // It knows JWKS, and nothing of how ours come about.
  verifier: [
    "errors.ts",
    "clock.ts",
    "strict-json.ts",
    "deadline.ts",
    "answer.ts",
    "chance.ts",
    "safe-url.ts",
  ],
  manager: ["errors.ts", "clock.ts", "deadline.ts", "ring", "keys", "store", "telemetry"],
  http: [
    "errors.ts",
    "answer.ts",
    "schema.ts",
    "strict-json.ts",
    "api-tokens",
    "ring",
    "telemetry",
    "manager",
  ],
  testing: ["errors.ts", "clock.ts", "ring", "keys", "store", "telemetry", "manager", "http"],
  node: [
    "errors.ts",
    "clock.ts",
    "safe-url.ts",
    "answer.ts",
    "chance.ts",
    "schema.ts",
    "setting-text.ts",
    "issuer-settings.ts",
    "secret-settings.ts",
    "api-tokens",
    "ring",
    "keys",
    "deadline.ts",
    "aws",
    "kek",
    "store",
    "telemetry",
    "client",
    "verifier",
    "manager",
    "http",
  ],
  cloudflare: [
    "errors.ts",
    "clock.ts",
    "safe-url.ts",
    "answer.ts",
    "deadline.ts",
    "setting-text.ts",
    "issuer-settings.ts",
    "secret-settings.ts",
    "schema.ts",
    "api-tokens",
    "ring",
    "keys",
    "aws",
    "kek",
    "store",
    "telemetry",
    "manager",
    "http",
  ],
  rehearsal: ["errors.ts", "clock.ts", "chance.ts", "aws", "ring", "verifier", "manager"],
  cli: [
    "errors.ts",
    "setting-text.ts",
    "api-tokens",
    "ring",
    "telemetry",
    "verifier",
    "manager",
    "http",
    "node",
    "rehearsal",
  ],
  "index.ts": ["api-tokens", "errors.ts", "clock.ts", "ring", "keys", "store", "telemetry", "manager"],
};

/** Packages from outside, and the only folders that may know them. */
const MAY_USE: Readonly<Record<string, readonly string[]>> = {
  jose: ["api-tokens", "keys", "ring", "rehearsal"],
  zod: [
    "api-tokens",
    "ring",
    "http",
    "node",
    "cloudflare",
    "schema.ts",
    "issuer-settings.ts",
    "secret-settings.ts",
  ],
  canonicalize: ["api-tokens", "ring"],
  "fastest-levenshtein": ["schema.ts"],
  hono: ["http", "verifier"],
  "@hono/node-server": ["node"],
  "node-cron": ["node"],
  // Of the runtime, not of a registry.
  "cloudflare:workers": ["cloudflare"],
  pino: ["node"],
  "prom-client": ["telemetry"],
  yaml: ["node"],
  commander: ["cli"],
  "@aws-sdk/client-secrets-manager": ["aws", "store", "node"],
  "@aws-sdk/client-kms": ["kek"],
  // Development dependencies: imported when they are there.
  "jwks-rsa": ["rehearsal"],
  jsonwebtoken: ["rehearsal"],
  "get-jwks": ["rehearsal"],
  "fast-jwt": ["rehearsal"],
};

/** What reads the world, and the only places that may. */
const AT_HOME: readonly { readonly what: RegExp; readonly homes: readonly string[] }[] = [
  // Cron's times are of the wall clock, to the millisecond.
  { what: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/, homes: ["clock.ts", "node/schedule.ts"] },
  { what: /\bMath\.random\(/, homes: [] },
  // A Worker has no other log.
  { what: /\bconsole\b/, homes: ["cloudflare"] },
  { what: /\bprocess\.env\b/, homes: ["cli"] },
  {
    what: /\bgetRandomValues\(|\brandomUUID\(/,
    homes: ["keys", "chance.ts", "store/durable-object.ts"],
  },
];

/** Runtimes without Node must be able to load these. */
const NO_NODE = [
  "errors.ts",
  "clock.ts",
  "deadline.ts",
  "answer.ts",
  "back-off.ts",
  "chance.ts",
  "safe-url.ts",
  "client",
  "schema.ts",
  "setting-text.ts",
  "issuer-settings.ts",
  "secret-settings.ts",
  "strict-json.ts",
  "aws",
  "cloudflare",
  "kek",
  "ring",
  "api-tokens",
  "telemetry",
  "manager",
  "http",
  "testing",
  "index.ts",
];

const SRC = resolve("src");
const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
const sources = files.map((name) => ({ name, text: readFileSync(join(SRC, name), "utf8") }));

describe.each(sources)("src/$name", ({ name, text }) => {
  const home = name.split("/")[0] as string;
  // An example in a comment imports nothing.
  const imports = [...text.matchAll(/^(?!\s*\*).*?(?:from|import\()\s*"([^"]+)"/gm)].map(
    (match) => match[1] as string,
  );
  const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");

  it("imports only what its folder may", () => {
    for (const target of imports.filter((target) => target.startsWith("."))) {
      const [folder] = relative(SRC, resolve(SRC, dirname(name), target)).split("/");
      if (folder !== home) expect(MAY_IMPORT[home], `${target} from ${home}`).toContain(folder);
    }
    for (const target of imports.filter((target) => !/^[.#]|^node:/.test(target))) {
      const known = Object.keys(MAY_USE).find((entry) => target === entry || target.startsWith(`${entry}/`));
      expect(MAY_USE[known ?? ""], `${target} from ${home}`).toContain(home);
    }
  });

  it("leaves clock, randomness, console and environment to their homes", () => {
    for (const { what, homes } of AT_HOME) {
      if (homes.includes(home) || homes.includes(name)) continue;
      expect(code).not.toMatch(what);
    }
  });

  it("takes zod as a namespace, of which bundlers leave out what is not used", () => {
    expect(code).not.toMatch(/^import \{[^}]*\} from "zod"/m);
  });

  it("is one idea, named by what it is", () => {
    expect(text.split("\n").length).toBeLessThanOrEqual(300);
    expect(name).not.toMatch(/(^|\/)(utils?|helpers?|common|misc|types)\b|Impl\b|\bBase[A-Z]/);
  });
});

it.each(NO_NODE)("%s runs without Node", (home) => {
  const reaching = sources.filter(
    ({ name, text }) => name.split("/")[0] === home && /from "node:/.test(text),
  );
  expect(reaching.map(({ name }) => name)).toEqual([]);
});

it("knows every folder of src", () => {
  expect(new Set(files.map((name) => name.split("/")[0]))).toEqual(new Set(Object.keys(MAY_IMPORT)));
});

/** What an entry point loads where there is no Node, and the packages that it needs for that. */
function loadedBy(entry: string): {
  readonly files: ReadonlySet<string>;
  readonly packages: ReadonlySet<string>;
} {
  const loaded = new Set<string>();
  const packages = new Set<string>();
  const visit = (path: string) => {
    if (loaded.has(path)) return;
    loaded.add(path);
    const text = readFileSync(path, "utf8");
    for (const [, target] of text.matchAll(/^(?:import|export)(?! type)[^;]*?from\s*"([^"]+)"/gm)) {
      if (target === "#signature") visit(join(SRC, "keys/signature.web.ts"));
      else if (target === "#signature-check") visit(join(SRC, "verifier/signature.web.ts"));
      else if (target?.startsWith(".")) visit(resolve(dirname(path), target));
      else if (target !== undefined) packages.add(target);
    }
  };
  visit(join(SRC, entry));
  return { files: loaded, packages };
}

it.each(["index.ts", "cloudflare/index.ts"])("needs nothing of Node to load %s", (entry) => {
  const { files, packages } = loadedBy(entry);
  expect([...packages].filter((name) => /^node:|^node-cron|^pino/.test(name))).toEqual([]);
  expect(files.size).toBeGreaterThan(20);
});

it.each(["index.ts", "http/index.ts", "verifier/index.ts", "cloudflare/index.ts"])(
  "leaves metrics to who asks for them in %s",
  (entry) => {
    expect([...loadedBy(entry).packages]).not.toContain("prom-client");
  },
);

it.each([
  "client/index.ts",
  "verifier/index.ts",
  "verifier/fetch.ts",
  "verifier/hono.ts",
  "store/secrets-manager/index.ts",
  "kek/secrets-manager.ts",
  "kek/kms.ts",
])("needs no package at all to load %s", (entry) => {
  const { files, packages } = loadedBy(entry);
  expect([...packages]).toEqual([]);
  expect(files.size).toBeGreaterThan(2);
});
