import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { DescribeSecretCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { describe, expect, it } from "vitest";
import { type Opened, opened, refusal, versionId } from "./opened.ts";

/** As the SDK sends it, for a test to send it otherwise. */
interface Sent {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What the SDK hands on, the body as it pleases. */
interface Handed {
  readonly headers: Sent["headers"];
  readonly body: Uint8Array;
}

async function sentBy(world: Opened): Promise<Sent> {
  const client = world.as("sender");
  let sent: Sent | undefined;
  client.middlewareStack.add(
    (next) => async (args) => {
      const { headers, body } = args.request as Handed;
      sent = { headers, body: new TextDecoder().decode(body) };
      return next(args);
    },
    { step: "finalizeRequest", priority: "low" },
  );
  await refusal(client.send(new DescribeSecretCommand({ SecretId: "one" })));
  if (sent === undefined) throw new Error("nothing was sent");
  return sent;
}

async function answerTo(world: Opened, { headers, body }: Sent, method = "POST", path = "/") {
  const { host, ...given } = headers;
  const asked = { method, headers: given, ...(method === "POST" && { body }) };
  const response = await fetch(`${world.aws.endpoint}${path}`, asked);
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === "" ? {} : JSON.parse(text) };
}

const without = (headers: Sent["headers"], name: string) =>
  Object.fromEntries(Object.entries(headers).filter(([each]) => each.toLowerCase() !== name));
const withHeader = ({ headers, body }: Sent, name: string, value: string): Sent => ({
  headers: { ...without(headers, name), [name]: value },
  body,
});

describe("the wire", () => {
  it("answers a signed request as AWS JSON 1.1", async () => {
    await using world = await opened();
    world.aws.arrange("CreateSecret", { Name: "one", SecretString: "v", ClientRequestToken: versionId(1) });
    const { status, headers, body } = await answerTo(world, await sentBy(world));
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("application/x-amz-json-1.1");
    expect(headers.get("x-amzn-requestid")).toMatch(/^[0-9a-f-]{36}$/);
    expect(Date.parse(headers.get("date") ?? "")).toBeGreaterThan(0);
    expect(body.LastChangedDate).toBeTypeOf("number");
  });

  it("gives an exception of the service with its name and Message", async () => {
    await using world = await opened();
    const { status, body } = await answerTo(world, await sentBy(world));
    expect(status).toBe(400);
    expect(body).toEqual({
      __type: "ResourceNotFoundException",
      Message: "Secrets Manager can't find the specified secret.",
    });
  });

  it.each([
    ["x-amz-target", "secretsmanager"],
    ["x-amz-target", "elsewhere.DescribeSecret"],
    ["x-amz-target", "toString.DescribeSecret"],
    ["content-type", "application/json"],
  ])("knows no %s of %s", async (name, value) => {
    await using world = await opened();
    const { status, body } = await answerTo(world, withHeader(await sentBy(world), name, value));
    expect([status, body.__type]).toEqual([404, "UnknownOperationException"]);
  });

  it("has one path and one method", async () => {
    await using world = await opened();
    const sent = await sentBy(world);
    expect((await answerTo(world, sent, "POST", "/other")).status).toBe(404);
    expect((await answerTo(world, sent, "GET")).status).toBe(404);
  });

  it("wants an Authorization header, of the right form, over what was sent", async () => {
    await using world = await opened();
    const sent = await sentBy(world);
    const refused = async (changed: Sent) => {
      const { status, body } = await answerTo(world, changed);
      return [status, body.__type];
    };
    expect(await refused({ ...sent, headers: without(sent.headers, "authorization") })).toEqual([
      400,
      "MissingAuthenticationTokenException",
    ]);
    expect(await refused(withHeader(sent, "authorization", "Bearer abc"))).toEqual([
      400,
      "IncompleteSignatureException",
    ]);
    const altered = { ...sent, body: sent.body.replace("one", "two") };
    expect(await refused(altered)).toEqual([400, "InvalidSignatureException"]);
    const retargeted = withHeader(sent, "x-amz-target", "secretsmanager.DeleteSecret");
    expect(await refused(retargeted)).toEqual([400, "InvalidSignatureException"]);
    const rescoped = (sent.headers["authorization"] ?? "").replace("/secretsmanager/", "/kms/");
    expect((await answerTo(world, withHeader(sent, "authorization", rescoped))).body).toEqual({
      __type: "InvalidSignatureException",
      message: "Credential should be scoped to correct service: 'secretsmanager'.",
    });
    expect(await refused(withHeader(sent, "x-amz-security-token", "t"))).toEqual([
      400,
      "UnrecognizedClientException",
    ]);
  });
});

/** Signed requests of any body: the SDK signs what a step before the signature put in its place. */
async function raw(world: Opened, operation: string, body: string): Promise<string> {
  const client = world.as("raw");
  client.middlewareStack.add(
    (next) => (args) => {
      const request = args.request as { body: string; headers: Record<string, string> };
      request.body = body;
      request.headers["content-length"] = String(Buffer.byteLength(body));
      request.headers["x-amz-target"] = `secretsmanager.${operation}`;
      return next(args);
    },
    { step: "build", priority: "low" },
  );
  return refusal(client.send(new DescribeSecretCommand({ SecretId: "one" })));
}

describe("a signed request", () => {
  it.each(["", "{", "[]", "null", '"text"', "1"])("with the body %j is no JSON object", async (body) => {
    await using world = await opened();
    expect(await raw(world, "DescribeSecret", body)).toMatch(/^SerializationException/);
  });

  it.each(['{"SecretId":1}', '{"SecretId":["one"]}'])(
    "with %s has a member of another type",
    async (body) => {
      await using world = await opened();
      expect(await raw(world, "DescribeSecret", body)).toMatch(/^SerializationException/);
    },
  );

  it.each(["{}", '{"SecretId":null}', '{"SecretId":""}'])("with %s lacks a SecretId", async (body) => {
    await using world = await opened();
    expect(await raw(world, "DescribeSecret", body)).toMatch(
      /^ValidationException: 1 validation error.*secretId/,
    );
  });

  it("for an operation that is not here is refused", async () => {
    await using world = await opened();
    for (const operation of ["UpdateSecret", "constructor", "Decrypt"])
      expect(await raw(world, operation, "{}")).toMatch(/^UnknownOperationException/);
  });

  it("must bring the token that the SDK makes up", async () => {
    await using world = await opened();
    world.aws.arrange("CreateSecret", { Name: "one" });
    const missing =
      "InvalidRequestException: You must provide a ClientRequestToken value. We recommend a UUID-type value.";
    expect(await raw(world, "PutSecretValue", '{"SecretId":"one","SecretString":"v"}')).toBe(missing);
    expect(await raw(world, "CreateSecret", '{"Name":"two","SecretString":"v"}')).toBe(missing);
  });
});

it("runs as a process of its own, and when imported starts nothing", async () => {
  const main = fileURLToPath(new URL("./main.ts", import.meta.url));
  const child = spawn(process.execPath, [main, '{"reader":["secretsmanager:DescribeSecret"]}'], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const [line] = await once(createInterface(child.stdout), "line");
    const { endpoint, region, credentials } = JSON.parse(line);
    const client = new SecretsManagerClient({
      endpoint,
      region,
      credentials: credentials.reader,
      maxAttempts: 1,
    });
    const asked = refusal(client.send(new DescribeSecretCommand({ SecretId: "one" })));
    expect(await asked).toMatch(/^ResourceNotFoundException/);
    client.destroy();
  } finally {
    child.kill("SIGKILL");
  }
  const before = process.getActiveResourcesInfo().filter((name) => name === "TCPServerWrap").length;
  await import("./main.ts");
  expect(process.getActiveResourcesInfo().filter((name) => name === "TCPServerWrap")).toHaveLength(before);
});
