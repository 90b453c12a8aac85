/** Servers of the built command line on a ring in AWS Secrets Manager. */
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { type NodeProcess, startNode } from "../../src/rehearsal/node-process.ts";
import { emittedKids, type Report } from "../../src/rehearsal/report.ts";
import { REHEARSED_POLICY } from "../../src/rehearsal/scale.ts";
import { DEFAULT_POLICY } from "../../src/ring/policy.ts";
import { keyturn, start } from "../cli/keyturn.ts";
import { onAws, READ_ONLY } from "../node/on-aws.ts";
import { newPlace } from "../node/place.ts";
import { CLI, cleanEnvironment } from "./servers.ts";

const world = onAws();
const running: NodeProcess[] = [];
const READING = ["DescribeSecret", "GetSecretValue"];

afterEach(() => {
  for (const node of running.splice(0)) node.send("SIGKILL");
});

/** `serve --init` on a machine of its own, with the rehearsal's durations; the service bears any number of commits. */
async function server(settings: Readonly<Record<string, string>> = {}, name = "anybody", allowed?: string[]) {
  const folder = await newPlace();
  const environment = {
    ...cleanEnvironment(),
    ...(await world.environment(world.aws.principal(name, allowed))),
  };
  const node = await startNode(
    {
      cli: CLI,
      folder,
      environment,
      init: name !== "reader",
      settings: {
        ...REHEARSED_POLICY,
        ...world.flags(),
        listen: "127.0.0.1:0",
        issuer: "https://auth.example.com",
        tickSchedule: "* * * * * *",
        writesEverySeconds: 0,
        ...settings,
      },
    },
    new AbortController().signal,
  );
  running.push(node);
  return node;
}

const jwksOf = async ({ url }: NodeProcess) =>
  (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as { ring: string; generation: number };

function sign({ url }: NodeProcess, apiToken: string): Promise<Response> {
  return fetch(`${url}/v1/tokens`, {
    method: "POST",
    headers: { Authorization: `Bearer ${apiToken}`, "Content-Type": "application/json" },
    body: JSON.stringify({ claims: { sub: "a" } }),
  });
}

describe("servers on AWS Secrets Manager", { timeout: 120_000 }, () => {
  it("that start at once on nothing make one ring, whose KEK and API tokens are good at either", async () => {
    const [one, two] = await Promise.all([server(), server()]);
    expect((await jwksOf(one)).ring).toBe((await jwksOf(two)).ring);
    for (const node of [one, two])
      for (const { apiToken } of [one, two].filter((made) => made.apiToken !== ""))
        expect((await sign(node, apiToken)).status).toBe(200);
    expect(one.apiToken + two.apiToken).not.toBe("");
    await Promise.all([one.stop(), two.stop()]);
  });

  it("go on where one was killed, and turn the keys over", async () => {
    const one = await server();
    const { ring } = await jwksOf(one);
    await expect.poll(async () => (await jwksOf(one)).generation, { timeout: 60_000 }).toBeGreaterThan(1);
    one.send("SIGKILL");
    await one.ended;
    const two = await server();
    const { generation } = await jwksOf(two);
    await expect
      .poll(async () => (await jwksOf(two)).generation, { timeout: 60_000 })
      .toBeGreaterThan(generation);
    expect((await jwksOf(two)).ring).toBe(ring);
    expect((await sign(two, one.apiToken)).status).toBe(200);
    await two.command("audit", "verify");
    expect(await two.stop()).toBe(0);
  });

  it("refuse a policy over HTTP that is too fast for the store", async () => {
    const slow = { rotateEverySeconds: "86400", writesEverySeconds: "900" };
    const node = await server(slow);
    const { token } = (await node.command("api-token", "issue", "--name", "me", "--role", "security")) as {
      token: string;
    };
    const response = await fetch(`${node.url}/v1/ring/policy`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", "If-Match": '"1"' },
      body: JSON.stringify({ policy: { ...DEFAULT_POLICY, rotateEverySeconds: 3000 } }),
    });
    expect({ status: response.status, ...(await response.json()) }).toMatchObject({
      status: 422,
      code: "policy_invalid",
      problems: [{ code: "rotation_too_fast_for_store" }],
    });
    await node.stop();
  });
});

describe("a server that only signs", { timeout: 120_000 }, () => {
  it("needs to read and nothing else: signs, follows, and writes nothing when it stops either", async () => {
    const writer = await server({ rotateEverySeconds: "86400" });
    const reader = await signingOnly();
    expect((await sign(reader, writer.apiToken)).status).toBe(200);
    await writer.command("pause", "--reason", "a new generation");
    const { generation } = await jwksOf(writer);
    await expect.poll(async () => (await jwksOf(reader)).generation, { timeout: 10_000 }).toBe(generation);
    // A second at least, so that it has ticked, and would have written a last use.
    await expect.poll(() => asked().length, { timeout: 10_000 }).toBeGreaterThan(12);
    expect(await reader.stop()).toBe(0);
    expect([...new Set(asked())].sort()).toEqual(READING);
    await writer.stop();
  });

  it("signs on through an outage until its lease ends, and again after it", async () => {
    const writer = await server({ rotateEverySeconds: "86400", leaseSeconds: "3" });
    const reader = await signingOnly({ leaseSeconds: "3" });
    await writer.stop();
    for (const operation of READING) world.aws.fault(operation, "unavailable", { times: 100_000 });
    const statusOf = async () => (await sign(reader, writer.apiToken)).status;
    expect(await statusOf()).toBe(200);
    await expect.poll(statusOf, { timeout: 30_000 }).toBe(503);
    world.aws.clearFaults();
    await expect.poll(statusOf, { timeout: 30_000 }).toBe(200);
    await reader.stop();
  });

  const asked = () =>
    world.aws.calls.flatMap(({ operation, principal }) => (principal === "reader" ? [operation] : []));

  /** Without --init, so not by `startNode` alone: the token that it would make is not there. */
  function signingOnly(settings: Readonly<Record<string, string>> = {}): Promise<NodeProcess> {
    return server({ rotateEverySeconds: "86400", steps: "off", ...settings }, "reader", READ_ONLY);
  }
});

/** The words of a rehearsal beside this test's ring. */
const rehearsal = () => [
  "rehearse",
  "--store",
  "aws",
  "--secret-id",
  `${world.name}/ring`,
  "--aws-region",
  world.aws.region,
  "--aws-endpoint",
  world.aws.endpoint,
  "--json",
];

/** The secrets that were made and are not this test's ring. */
function expectNothingLeft(store: string): void {
  const [, name] = /secret (\S+-rehearsal-[a-z0-9]{8}) /.exec(store) ?? [];
  expect(name).toContain(`${world.name}/ring-rehearsal-`);
  for (const secret of [name as string, `${name}-api-token-book`, `${world.name}/ring`])
    expect(world.aws.secret(secret), secret).toBeNull();
  expect(world.aws.calls.map(({ operation }) => operation)).toContain("CreateSecret");
}

describe("a rehearsal beside a ring on AWS Secrets Manager", () => {
  it("is played on secrets of its own, of which nothing is left", { timeout: 150_000 }, async () => {
    const env = await world.environment();
    const words = [...rehearsal(), "--verifiers", "keyturn,jose"];
    const { stdout, stderr } = await keyturn(await newPlace(), words, { env });
    const report = JSON.parse(stdout) as Report;
    expect(report, stderr).toMatchObject({ passed: true, problems: [], honestRejections: [] });
    expect(emittedKids(report.timeline)).toHaveLength(4);
    expectNothingLeft(report.store);
  });

  it("leaves nothing either when it is interrupted", { timeout: 30_000 }, async () => {
    const child = start(await newPlace(), rehearsal(), { env: await world.environment(), stdio: "pipe" });
    let said = "";
    child.stderr?.on("data", (text: Buffer) => {
      // Once: who asks a second time will not wait for what is cleaned up.
      const isTime = !said.includes(" init ");
      said += text.toString();
      if (isTime && said.includes(" init ")) child.kill("SIGINT");
    });
    const [status] = await once(child, "close");
    expect(status, said).toBe(1);
    expectNothingLeft(said);
  });

  it("that could not clean up does not begin", { timeout: 30_000 }, async () => {
    const allowed = ["secretsmanager:CreateSecret", "secretsmanager:PutSecretValue"];
    const env = await world.environment(world.aws.principal("no deletion", allowed));
    const { status, stderr } = await keyturn(await newPlace(), rehearsal(), { env });
    expect(status).toBe(1);
    expect(stderr).toContain("secretsmanager:DeleteSecret");
    const asked = world.aws.calls.filter(({ principal }) => principal === "no deletion");
    expect(asked.map(({ operation }) => operation)).toEqual(["DeleteSecret"]);
  });
});
