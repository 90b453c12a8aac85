/** What `npx wrangler deploy` would upload: of this repository as it stands, and of a Worker of a user's own. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { stripVTControlCharacters } from "node:util";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { cloned, ownFolder } from "./clone.ts";
import { environmentOfWrangler, WRANGLER } from "./running-worker.ts";

const GZIP_BYTES_MAX = 120_000;

/** What a Worker lacks, and what would make it large. */
const FOREIGN =
  /node_modules\/(node-cron|pino|prom-client|@hono\/node-server|commander|yaml|@aws-sdk|@smithy)\//;

interface Bundle {
  readonly status: number | null;
  /** Everything that was said. */
  readonly said: string;
  readonly code: string;
  /** Every module in it. */
  readonly modules: readonly string[];
}

function bundled(folder: string): Bundle {
  const args = ["deploy", "--dry-run", "--outdir", "out", "--metafile", "meta.json"];
  const ended = spawnSync(process.execPath, [WRANGLER, ...args], {
    cwd: folder,
    env: environmentOfWrangler(),
    encoding: "utf8",
  });
  const said = stripVTControlCharacters(ended.stdout + ended.stderr);
  expect(ended.status, said).toBe(0);
  const [file, ...others] = readdirSync(join(folder, "out")).filter((name) => name.endsWith(".js"));
  expect(others).toEqual([]);
  return {
    status: ended.status,
    said,
    code: readFileSync(join(folder, "out", file as string), "utf8"),
    modules: Object.keys(JSON.parse(readFileSync(join(folder, "meta.json"), "utf8")).inputs),
  };
}

/** A project with nothing but the package in it, as npm installs it. */
function userProject(files: Readonly<Record<string, string>>): string {
  const project = ownFolder("user");
  const installed = join(project, "node_modules/keyturn");
  mkdirSync(installed, { recursive: true });
  for (const name of ["package.json", "dist"]) cpSync(name, join(installed, name), { recursive: true });
  const { dependencies } = JSON.parse(readFileSync("package.json", "utf8"));
  for (const name of Object.keys(dependencies)) {
    mkdirSync(dirname(join(project, "node_modules", name)), { recursive: true });
    symlinkSync(resolve("node_modules", name), join(project, "node_modules", name));
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(project, name), text);
  return project;
}

const USER_CONFIG = `name = "auth"
main = "worker.js"
compatibility_date = "2026-10-20"
minify = true

[[durable_objects.bindings]]
name = "KEY_RING"
class_name = "KeyRingObject"

[[migrations]]
tag = "v1"
new_sqlite_classes = ["KeyRingObject"]
`;

const BUNDLES: Readonly<Record<string, () => string>> = {
  "the wrangler.toml of this repository": cloned,
  "a Worker of one line": () =>
    userProject({
      "package.json": '{"type":"module"}',
      "wrangler.toml": USER_CONFIG,
      "worker.js": 'export { default, KeyRingObject } from "keyturn/cloudflare";\n',
    }),
};

describe.each(Object.keys(BUNDLES))("%s", (name) => {
  const { said, code, modules } = bundled((BUNDLES[name] as () => string)());

  it("is bundled without a warning", () => {
    expect(
      said
        .split("\n")
        .filter((line) => !line.startsWith("npm warn"))
        .join("\n"),
    ).not.toMatch(/warn|error/i);
  });

  it("imports nothing but the runtime's own module", () => {
    // Requests have a method of that name.
    expect(code.match(/.{0,40}(?:["'`]node:|(?<![.\w])require\s*\(|Dynamic require of).{0,40}/g)).toBe(null);
    expect([...code.matchAll(/\b(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(([, from]) => from)).toEqual([
      "cloudflare:workers",
    ]);
  });

  it("has nothing in it that only servers need", () => {
    expect(modules.length).toBeGreaterThan(100);
    expect(modules.filter((path) => FOREIGN.test(path))).toEqual([]);
    expect(modules.filter((path) => /dist\/(node|cli|rehearsal|testing|verifier)\//.test(path))).toEqual([]);
  });

  it("signs with WebCrypto", () => {
    const signing = modules.filter((path) => /signature\.\w+\.js$/.test(path));
    expect(signing.map((path) => path.slice(path.indexOf("dist/")))).toEqual(["dist/keys/signature.web.js"]);
  });

  it(`is at most ${GZIP_BYTES_MAX} bytes compressed`, () => {
    expect(gzipSync(code, { level: 9 }).length).toBeLessThanOrEqual(GZIP_BYTES_MAX);
  });
});
