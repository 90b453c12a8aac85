import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, rm } from "node:fs/promises";
import { request } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { AuditNote } from "../../src/node/audit/note.ts";
import type { AuditRecord } from "../../src/ring/audit.ts";
import { newPlace } from "../node/place.ts";
import { keyturn, type RunOptions, refused, start } from "./keyturn.ts";

const ANYWHERE = ["--listen", "127.0.0.1:0"];

interface Server {
  readonly child: ChildProcess;
  readonly url: string;
  said(): string;
  logged(): string;
  /** How it ended. */
  readonly ended: Promise<number | null>;
}

/** A server that has said where it serves. */
async function serving(
  place: string,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<Server> {
  const child = start(place, ["serve", ...ANYWHERE, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    ...options,
  });
  const heard = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name]?.setEncoding("utf8").on("data", (text) => (heard[name] += text));
  const ended = once(child, "close").then(([status]) => status as number | null);
  const url = () => /"url":"([^"]+)"|issuer +(\S+)/.exec(heard.stderr + heard.stdout);
  const welcomed = () => /curl -s http/.test(heard.stdout + heard.stderr) && url() !== null;
  await expect
    .poll(() => welcomed() || child.exitCode !== null, { timeout: 10_000, interval: 10 })
    .toBe(true);
  const [, fromLog, fromWelcome] = url() ?? [];
  return {
    child,
    url: fromLog ?? fromWelcome ?? "",
    said: () => heard.stdout,
    logged: () => heard.stderr,
    ended,
  };
}

/** Lines of the log; whatever is not JSON is what the command line itself says. */
const linesOf = (stderr: string) => stderr.split("\n").filter((line) => line !== "");

describe("serve", () => {
  it("shows all that one needs to go on, logs JSON lines on stderr, and ends with status 0 on Ctrl-C", async () => {
    const place = await newPlace();
    const { child, url, said, logged, ended } = await serving(place, ["--init"]);
    expect(said()).toMatch(/^keyturn is serving\.\n/);
    expect(said()).toContain(`JWKS        ${url}/.well-known/jwks.json\n`);
    expect(said()).toMatch(/next step {3}emit \S+ at /);
    expect(said()).toContain("API token   .keyturn/api-token (just made)\n");
    expect(said()).toContain("KEK         .keyturn/kek (just made: keep a backup, apart from the ring)\n");
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    child.kill("SIGINT");
    expect(await ended).toBe(0);
    const [notes, lines] = [
      linesOf(logged()).filter((line) => !line.startsWith("{")),
      linesOf(logged()).filter((line) => line.startsWith("{")),
    ];
    expect(notes).toEqual(["keyturn: stopping; requests under way may finish (again to stop at once)"]);
    const told = lines.map((line) => JSON.parse(line) as { level: number; msg: string });
    expect(told.filter(({ level }) => level === 30).map(({ msg }) => msg)).toEqual([
      "ring advanced",
      "an API token changed",
      "serving",
      "stopped",
    ]);
    const warnings = told.filter(({ level }) => level > 30).map(({ msg }) => msg);
    expect(warnings).toEqual(
      process.getuid?.() === 0 ? ["running as root: a user of its own would be safer"] : [],
    );
  });

  it("has a welcome whose curl line signs a token", async () => {
    const place = await newPlace();
    const { said, url } = await serving(place, ["--init", "--folder", "it's here"]);
    const [, path = ""] = /Bearer \$\(cat '(.+)'\)/.exec(said()) ?? [];
    const token = await readFile(path.replace("'\\''", "'"), "utf8");
    const [, body = ""] = /-d '(.+)'/.exec(said()) ?? [];
    const headers = { Authorization: `Bearer ${token.trim()}`, "Content-Type": "application/json" };
    const response = await fetch(`${url}/v1/tokens`, { method: "POST", headers, body });
    expect(await response.json()).toHaveProperty("token");
  });

  it("ends with status 0 on SIGTERM, and at once when asked twice", async () => {
    const place = await newPlace();
    const first = await serving(place, ["--init"]);
    first.child.kill("SIGTERM");
    expect(await first.ended).toBe(0);

    const second = await serving(place);
    // A request that never ends would be waited for.
    const hanging = request(`${second.url}/v1/tokens`, {
      method: "POST",
      headers: { Expect: "100-continue" },
    });
    hanging.on("error", () => undefined).flushHeaders();
    await once(hanging, "continue");
    second.child.kill("SIGINT");
    await expect
      .poll(() => second.logged(), { timeout: 10_000, interval: 10 })
      .toContain("again to stop at once");
    second.child.kill("SIGINT");
    expect(await second.ended).toBe(130);
  });

  it("twice at once in one empty folder makes one ring and one KEK, and both sign with the same key", async () => {
    const place = await newPlace();
    const servers = await Promise.all([serving(place, ["--init"]), serving(place, ["--init"])]);
    const jwks = await Promise.all(
      servers.map(async ({ url }) => (await fetch(`${url}/.well-known/jwks.json`)).text()),
    );
    expect(jwks[0]).toContain('"generation":1}');
    expect(jwks[1]).toBe(jwks[0]);
    expect((await readdir(join(place, ".keyturn"))).sort()).toEqual([
      "api-token",
      "api-tokens",
      "audit-notes.jsonl",
      "audit.jsonl",
      "kek",
      "ring",
    ]);
    expect(await readdir(join(place, ".keyturn", "ring"))).toEqual(["ring.0000000001.json"]);
    const saying = servers.map(({ said }) => said()).join("");
    expect(saying.match(/KEK .*just made/g)).toHaveLength(1);
    expect(saying.match(/API token .*just made/g)).toHaveLength(1);
  });

  it("makes nothing when its port is taken, and says what to do", async () => {
    const place = await newPlace();
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    const args = ["serve", "--init", "--listen", `127.0.0.1:${port}`];
    const said = await refused(place, args, { status: 2, code: "config_invalid" });
    expect(said).toContain(`The server cannot listen on 127.0.0.1:${port}: another process listens there.`);
    expect(said).toContain("--listen");
    expect(await readdir(place)).toEqual([]);
    other.close();
  });

  it("takes secrets from the environment, and says so instead of naming files that are not there", async () => {
    const place = await newPlace();
    const secret = "efkEKYp3zmLM88SN7nEwXVds0gVwDg9AjT7efEHkwDY";
    const env = { KEYTURN_KEK: secret, KEYTURN_API_TOKEN: `keyturn_${secret}` };
    const { said, url, logged } = await serving(place, ["--init"], { env });
    expect(said()).toContain("API token   in KEYTURN_API_TOKEN\n");
    expect(said()).toContain("KEK         in KEYTURN_KEK\n");
    expect(said()).toContain('-H "Authorization: Bearer $KEYTURN_API_TOKEN"');
    const headers = { Authorization: `Bearer keyturn_${secret}`, "Content-Type": "application/json" };
    expect((await fetch(`${url}/v1/tokens`, { method: "POST", headers, body: '{"claims":{}}' })).status).toBe(
      200,
    );
    expect((await readdir(join(place, ".keyturn"))).sort()).toEqual(["audit.jsonl", "ring"]);
    expect(said() + logged()).not.toContain(secret);
  });

  it("names no file with an API token where there is none", async () => {
    const place = await newPlace();
    await keyturn(place, ["init"]);
    await rm(join(place, ".keyturn", "api-token"));
    const { said } = await serving(place);
    expect(said()).toContain(
      "API token   none here; `keyturn api-token issue --name me --role signer` prints one\n",
    );
    expect(said()).toContain('-H "Authorization: Bearer $API_TOKEN"');
  });

  it("leaves stdout to the audit records where they go there", async () => {
    const place = await newPlace();
    const { child, said, logged, ended } = await serving(place, ["--init", "--audit-log", "stdout"]);
    expect(logged()).toContain("keyturn is serving.");
    child.kill("SIGINT");
    expect(await ended).toBe(0);
    const lines = linesOf(said()).map((line) => JSON.parse(line) as AuditRecord | AuditNote);
    expect(lines).toMatchObject([
      { event: "init", generation: 1 },
      { apiToken: { event: "issued", name: "first" } },
    ]);
  });

  it("goes on without whoever read its stdout, and says that the audit records go nowhere", async () => {
    const place = await newPlace();
    const stdout = ["--audit-log", "stdout"];
    const { child, url, logged, ended } = await serving(place, ["--init", ...stdout]);
    child.stdout?.destroy();
    const asked = await Promise.all([1, 2, 3].map(() => fetch(`${url}/v1/tokens`, { method: "POST" })));
    expect(asked.map(({ status }) => status)).toEqual([401, 401, 401]);
    await expect.poll(logged).toContain("Nobody takes the audit log from stdout (EPIPE).");
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
  });

  it("warns when its policy is not the ring's, and serves on", async () => {
    const place = await newPlace();
    await keyturn(place, ["init"]);
    const { logged, url } = await serving(place, ["--token-seconds", "60"]);
    expect(logged()).toContain("this node's policy is not the ring's");
    expect(await (await fetch(`${url}/readyz`)).json()).toMatchObject({ ready: true, policyMatches: false });
  });
});
