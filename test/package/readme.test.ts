/** README.md is run: its commands in the order of the page, in one folder, beside a real server. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SETTINGS } from "../../src/node/settings.ts";
import { environmentName } from "../../src/setting-text.ts";
import { blocksOf, freePort, shell as pasted, SHOWN_URL } from "./page.ts";

const readme = readFileSync("README.md", "utf8");
const blocks = blocksOf(readme);

/** Set-up, run by the tests below it in the way that the comment says. */
const START = "npm ci && npm start\n";
const TEST = "npm ci && npm test\n";
const INSTALL = "npm install keyturn\n";
const REHEARSAL = /^keyturn rehearse/m;
/** Needs an account; test/cli/aws.test.ts and test/scenario/aws.test.ts run the same on a service of our own. */
const ON_AWS = /--store aws-secrets-manager/;

let clone: string;
let project: string;
let server: ChildProcess;
let url: string;
let greeting = "";

beforeAll(async () => {
  clone = mkdtempSync(join(tmpdir(), "keyturn-readme-"));
  for (const name of ["package.json", "tsconfig.json", "tsconfig.build.json", "src"]) {
    cpSync(name, join(clone, name), { recursive: true });
  }
  symlinkSync(resolve("node_modules"), join(clone, "node_modules"));
  url = `http://127.0.0.1:${await freePort()}`;
  const env = { ...process.env, KEYTURN_LISTEN: url.slice("http://".length) };
  server = spawn("npm", ["start"], { cwd: clone, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  await new Promise<void>((ready, failed) => {
    server.stdout?.on("data", (chunk) => {
      greeting += chunk;
      if (greeting.includes("-d '")) ready();
    });
    server.on("exit", () => failed(new Error(`npm start ended: ${greeting}`)));
  });
}, 60_000);

afterAll(() => {
  if (server.pid !== undefined) process.kill(-server.pid, "SIGTERM");
  for (const folder of [clone, project]) if (folder) rmSync(folder, { recursive: true, force: true });
});

describe("the two commands that set everything up", () => {
  it("stand first and are what CI runs", () => {
    expect(blocks.slice(0, 2).map(({ code }) => code)).toEqual([START, TEST]);
    const ci = readFileSync(".ci/run", "utf8");
    for (const command of ["npm ci", "npm test", "npm run check"]) expect(ci).toContain(`\n${command}\n`);
  });

  it("greets with a curl line that signs a token when pasted anywhere", () => {
    const curl = greeting.slice(greeting.indexOf("curl"));
    const { stdout } = shell(curl, tmpdir());
    expect(JSON.parse(stdout)).toEqual({
      token: expect.stringMatching(/^ey.*\..*\./),
      kid: expect.any(String),
      expiresAt: expect.any(Number),
    });
  });
});

it("has commands that work as they stand, one after the other", () => {
  const commands = blocks.filter(
    ({ language, code }) =>
      language === "sh" &&
      ![START, TEST, INSTALL].includes(code) &&
      !REHEARSAL.test(code) &&
      !ON_AWS.test(code),
  );
  expect(commands.length).toBeGreaterThan(5);
  for (const { code } of commands) {
    const { status, stdout, stderr } = shell(code, clone);
    // A ring that has just been made has nothing to roll back to, and says so.
    const refused = code.startsWith("keyturn rollback") && stderr.includes("[rollback_impossible]");
    expect(status, `${code}\n${stdout}\n${stderr}`).toBe(refused ? 1 : 0);
  }
});

it("has programs that run once the package is installed", async () => {
  project = mkdtempSync(join(tmpdir(), "keyturn-project-"));
  writeFileSync(join(project, "package.json"), '{"type":"module"}');
  const packed = spawnSync("npm", ["pack", "--ignore-scripts", "--pack-destination", project], {
    encoding: "utf8",
  });
  expect(packed.status, packed.stderr).toBe(0);
  const tarball = join(project, packed.stdout.trim().split("\n").at(-1) as string);

  const installed = shell(INSTALL.replace("keyturn", `--prefer-offline --no-audit ${tarball}`), project);
  expect(installed.status, installed.stderr).toBe(0);
  mkdirSync(join(project, ".keyturn"), { mode: 0o700 });
  cpSync(join(clone, ".keyturn", "ring"), join(project, ".keyturn", "ring"), { recursive: true });

  // As a user of Express has it beside keyturn.
  symlinkSync(resolve("node_modules/express"), join(project, "node_modules/express"));
  const programs = blocks.filter(({ language }) => language === "ts");
  expect(programs.length).toBeGreaterThan(3);
  for (const [i, { code }] of programs.entries()) {
    const port = await freePort();
    const program = code.replaceAll(SHOWN_URL, url).replaceAll("3001", String(port));
    const file = join(project, `example-${i}.ts`);
    writeFileSync(file, program);
    const serves = /export default|\.listen\(/.test(program);
    const visitor = join(project, `visitor-${i}.ts`);
    if (serves) writeFileSync(visitor, visitorOf(file, port));
    const args = ["--import", CACHES, serves ? visitor : file];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: project,
      encoding: "utf8",
      env: { ...process.env, KEYTURN_KEK: secret("kek"), API_TOKEN: secret("api-token") },
    });
    expect(status, `${code}\n${stderr}`).toBe(0);
    if (serves) expect(stdout).toBe('401 200 {"user":"user-1"}\n');
    else expect(stdout).not.toBe("");
  }
}, 120_000);

it("rehearses as the rehearsal's own test does", () => {
  expect(blocks.filter(({ code }) => REHEARSAL.test(code))).toHaveLength(1);
  expect(readFileSync("test/scenario/rehearsal.test.ts", "utf8")).toContain('"rehearse"');
});

it("shows of AWS what the command line's own tests do", () => {
  const [shown] = blocks.filter(({ code }) => ON_AWS.test(code));
  const commands = [...(shown?.code.matchAll(/^npx keyturn (\w+)/gm) ?? [])].map(([, name]) => name);
  expect(commands).toEqual(["serve", "doctor", "rehearse"]);
  const tested = ["test/cli/aws.test.ts", "test/scenario/aws.test.ts"].map((path) =>
    readFileSync(path, "utf8"),
  );
  for (const name of commands) expect(tested.join("\n")).toMatch(new RegExp(`["\`]${name}\\b`));
});

it("lists every setting with its true default and reason", () => {
  const rows = SETTINGS.map(
    ({ name, default: fallback, about }) => `| \`${name}\` | \`${fallback}\` | ${about} |`,
  );
  const table = ["| setting | default | meaning |", "| --- | --- | --- |", ...rows].join("\n");
  const [before, , after] = readme.split(/<!-- settings:.*-->|<!-- end of settings -->/);
  const marker = readme.match(/<!-- settings:.*-->/)?.[0];
  const written = `${before}${marker}\n${table}\n<!-- end of settings -->${after}`;
  if (process.env["UPDATE_README"] === "1") writeFileSync("README.md", written);
  else expect(readme).toBe(written);
  expect(readme).toContain(environmentName("tokenSeconds"));
});

/** Workers have a Cache API, Node has not: responses by URL, as the real one keeps them. */
const CACHES = `data:text/javascript,${encodeURIComponent(`
  const kept = new Map();
  globalThis.caches = { default: {
    match: async (url) => kept.get(url)?.clone(),
    put: async (url, response) => void kept.set(url, response),
  } };`)}`;

/** Visits what a program serves, be it at a port or by its default export: without a token, and with one. */
function visitorOf(program: string, port: number): string {
  return `
    const { default: app } = await import(${JSON.stringify(program)});
    const context = { waitUntil() {}, passThroughOnException() {} };
    const visit = (headers) => {
      const request = new Request("http://127.0.0.1:${port}/api/me", { headers });
      return app === undefined ? fetch(request) : app.fetch(request, {}, context);
    };
    const issued = await fetch("${url}/v1/tokens", {
      method: "POST",
      headers: { Authorization: "Bearer " + process.env.API_TOKEN, "Content-Type": "application/json" },
      body: JSON.stringify({ claims: { sub: "user-1", aud: "orders" } }),
    });
    const { token } = await issued.json();
    const stranger = await visit({});
    const user = await visit({ Authorization: "Bearer " + token });
    console.log(stranger.status, user.status, await user.text());
    process.exit();`;
}

function shell(code: string, cwd: string) {
  return pasted(code, { cwd, url });
}

function secret(name: string): string {
  return readFileSync(join(clone, ".keyturn", name), "utf8").trim();
}
