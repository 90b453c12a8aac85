/** `npm run edge`, as someone uses it who has just cloned the repository. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { freePort } from "../package/page.ts";
import { cloned } from "./clone.ts";
import { environmentOfWrangler } from "./running-worker.ts";

let clone: string;
let port: number;
let running: ChildProcess | null = null;
let said = "";

beforeAll(async () => {
  clone = cloned();
  port = await freePort();
});
afterAll(stop);

it("makes secrets that only their owner can read, and says where they are but not what they are", async () => {
  await start();
  const file = join(clone, ".dev.vars");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(said).toContain(`${file} (just made)`);
  const secrets = secretsIn(file);
  expect(secrets).toHaveLength(3);
  for (const secret of secrets) expect(said).not.toContain(secret);
});

it("prints commands that work when pasted anywhere", () => {
  const [sign, ring, cron, ...others] = commands();
  expect(others).toEqual([]);
  expect(JSON.parse(pasted(sign))).toMatchObject({ kid: expect.any(String), token: expect.any(String) });
  expect(JSON.parse(pasted(ring))).toMatchObject({ generation: 1, canSign: true });
  expect(pasted(cron)).toBe("ok");
});

it("refuses a second one on the same folder, in words", async () => {
  const { status, stderr } = spawnSync(process.execPath, ["scripts/edge.ts"], options());
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr: expect.stringMatching(/^keyturn: It runs already, as process \d+\. .*\n {2}→ .*Ctrl-C.*\n$/),
  });
});

it("ends at Ctrl-C with all that it has started, and goes on with secrets and ring of before", async () => {
  const before = { secrets: secretsIn(join(clone, ".dev.vars")), ring: JSON.parse(pasted(commands()[1])) };
  const family = descendantsOf(running?.pid as number);
  expect(family.length).toBeGreaterThan(3);
  await stop();
  // Zombies of a container whose first process collects none are no processes any more.
  expect(family.filter((pid) => isAlive(pid))).toEqual([]);

  await start();
  expect(said).not.toContain("just made");
  expect(secretsIn(join(clone, ".dev.vars"))).toEqual(before.secrets);
  const { ring, keys } = JSON.parse(pasted(commands()[1]));
  expect({ ring, kids: kids(keys) }).toEqual({ ring: before.ring.ring, kids: kids(before.ring.keys) });
  await stop();
});

it("says what a killed one has left running on the same state, and how to end that", async () => {
  await start();
  const [pid, group] = placeTaken();
  expect(group).toMatch(/^\d+$/);
  process.kill(Number(pid), "SIGKILL");
  await once(running as ChildProcess, "exit");
  running = null;
  const told = refusal("--port", `${await freePort()}`);
  expect(told).toContain(`its wrangler runs on, as group ${group}`);
  pasted(/kill -9 .*/.exec(told)?.[0]);

  const file = join(clone, ".dev.vars");
  chmodSync(file, 0o644);
  await start();
  expect(said).toMatch(/\.dev\.vars has mode 0644.*\n.*chmod 0600 .*\.dev\.vars/);
  await stop();
  chmodSync(file, 0o600);
});

it("says which port is in use", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port: busy } = other.address() as { port: number };
  expect(refusal("--port", `${busy}`)).toMatch(
    new RegExp(`Port ${busy} .*EADDRINUSE.*--port ${busy + 1}`, "s"),
  );
  other.close();
});

it.each([["--port", "http"], ["--port", "0"], ["--prot", "1"], ["8788"]])(
  "refuses %s %s with an example",
  (...args) => {
    expect(refusal(...args)).toContain("npm run edge -- --port 8788");
  },
);

it("says what is wrong with the secrets without telling them", () => {
  const file = join(clone, ".dev.vars");
  const before = readFileSync(file, "utf8");
  for (const name of ["KEYTURN_KEK", "KEYTURN_API_TOKEN", "KEYTURN_ADMIN_TOKEN"]) {
    writeFileSync(file, before.replace(new RegExp(`^${name}=.*$`, "m"), `${name}=hunter2`));
    const told = refusal("--port", `${port}`);
    expect(told).toContain(name);
    expect(told).not.toContain("hunter2");
    writeFileSync(file, before.replace(new RegExp(`^${name}=.*$`, "m"), ""));
    expect(refusal("--port", `${port}`)).toContain(`${name} is not in it`);
  }
  writeFileSync(file, before);
});

it("says what to do when the secrets were deleted and the ring was not", () => {
  const file = join(clone, ".dev.vars");
  const before = readFileSync(file, "utf8");
  rmSync(file);
  const told = refusal("--port", `${port}`);
  expect(told).toMatch(/kek_mismatch[\s\S]*delete .*\.wrangler\/state/);
  writeFileSync(file, before);
});

async function start(): Promise<void> {
  said = "";
  const child = spawn("npm", ["run", "edge", "--", "--port", `${port}`], {
    ...{ cwd: clone, env: environmentOfWrangler(), detached: true },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running = child;
  await new Promise<void>((ready, fail) => {
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => {
        said += chunk;
        if (said.includes("The log:")) ready();
      });
    child.on("exit", () => fail(new Error(`npm run edge ended: ${said}`)));
  });
}

/** Ctrl-C reaches the terminal's whole group. */
async function stop(): Promise<void> {
  const child = running;
  running = null;
  if (child?.pid === undefined || child.exitCode !== null) return;
  const ended = once(child, "exit");
  process.kill(-child.pid, "SIGINT");
  await ended;
  // npm may go before what it has started.
  while (isAlive(Number(placeTaken()[0]))) await delay(20);
}

/** Ids of the process that has the place, and of the group that it has started. */
function placeTaken(): string[] {
  try {
    return readFileSync(join(clone, ".wrangler/edge.pid"), "utf8").trim().split("\n");
  } catch {
    return [];
  }
}

function options() {
  return { cwd: clone, env: environmentOfWrangler(), encoding: "utf8" } as const;
}

/** What it says when it does not start. */
function refusal(...args: readonly string[]): string {
  const { status, stderr, stdout } = spawnSync(process.execPath, ["scripts/edge.ts", ...args], options());
  expect({ status, stdout }, stderr).toEqual({ status: 2, stdout: "" });
  expect(stderr).toMatch(/^keyturn: .*\[config_invalid\]\n {2}→ ./s);
  return stderr;
}

/** The commands that it has printed, each with its second line. */
function commands(): string[] {
  return [...said.matchAll(/^ {2}curl (?:.*\\\n)*.*$/gm)].map(([command]) => command);
}

function pasted(command: string | undefined): string {
  const { status, stdout, stderr } = spawnSync("bash", ["-c", command ?? "false"], {
    ...{ cwd: tmpdir(), encoding: "utf8" },
  });
  expect(status, stderr).toBe(0);
  return stdout;
}

function secretsIn(file: string): string[] {
  return [...readFileSync(file, "utf8").matchAll(/^KEYTURN_(?:KEK|\w+_TOKEN)=(.*)$/gm)].map(
    ([, secret]) => secret as string,
  );
}

function kids(keys: readonly { readonly kid: string }[]): string[] {
  return keys.map(({ kid }) => kid);
}

function descendantsOf(pid: number): number[] {
  const { stdout } = spawnSync("ps", ["-eo", "pid=,ppid="], { encoding: "utf8" });
  const pairs = stdout
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
  const children = (parent: number): number[] =>
    pairs.filter(([, of]) => of === parent).flatMap(([child = 0]) => [child, ...children(child)]);
  return children(pid);
}

function isAlive(pid: number): boolean {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", `${pid}`], { encoding: "utf8" });
  return stdout.trim() !== "" && !stdout.startsWith("Z");
}
