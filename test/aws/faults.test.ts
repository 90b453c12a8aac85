import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { describe, expect, it } from "vitest";
import type { Fault } from "./faults.ts";
import { started } from "./one-secret.ts";
import { type Opened, refusal, versionId } from "./opened.ts";

const putting = (number: number) =>
  new PutSecretValueCommand({
    SecretId: "one",
    SecretString: `v${number}`,
    ClientRequestToken: versionId(number),
  });
const describing = new DescribeSecretCommand({ SecretId: "one" });
const written = ({ aws }: Opened) => aws.secret("one")?.versions.length === 2;

describe("a fault", () => {
  const CASES: readonly [Fault, RegExp, boolean, string][] = [
    ["throttled", /^ThrottlingException: Rate exceeded/, false, "failed"],
    ["internal", /^InternalServiceError/, false, "failed"],
    ["internal_after", /^InternalServiceError/, true, "done"],
    ["unavailable", /./, false, "failed"],
    ["lost_answer", /./, true, "done"],
    ["lost_request", /./, false, "lost"],
    ["arrives_late", /./, false, "lost"],
    ["garbled", /SyntaxError/, true, "done"],
    [{ crash: () => {}, before: true }, /./, false, "lost"],
  ];

  it.each(CASES)("%j is met once: %s, carried out: %s", async (fault, error, carriedOut, outcome) => {
    await using world = await started();
    world.aws.fault("PutSecretValue", fault);
    await world.client.send(describing);
    const met = await refusal(world.client.send(putting(2)));
    expect(met).toMatch(error);
    expect(met).not.toBe("no refusal");
    expect(written(world)).toBe(carriedOut);
    expect(world.aws.calls.at(-1)).toEqual({ operation: "PutSecretValue", principal: "anyone", outcome });
    await world.client.send(putting(2));
    expect(written(world)).toBe(true);
  });

  it("is met as often as told, after as many calls as told, by any operation", async () => {
    await using world = await started();
    world.aws.fault("*", "throttled", { after: 1, times: 2 });
    const outcomes: string[] = [];
    for (let call = 0; call < 4; call++) outcomes.push(await refusal(world.client.send(describing)));
    expect(outcomes.map((outcome) => outcome.split(":")[0])).toEqual([
      "no refusal",
      "ThrottlingException",
      "ThrottlingException",
      "no refusal",
    ]);
    world.aws.fault("*", "throttled");
    world.aws.clearFaults();
    await world.client.send(describing);
  });

  it("is known to the SDK as one to try again after", async () => {
    await using world = await started();
    const { endpoint } = world.aws;
    const client = new SecretsManagerClient({
      endpoint,
      region: "us-east-1",
      credentials: world.aws.principal("p"),
    });
    world.aws.fault("DescribeSecret", "throttled");
    world.aws.fault("DescribeSecret", "internal");
    await client.send(describing);
    expect(world.aws.calls.map(({ outcome }) => outcome)).toEqual(["failed", "failed", "done"]);
    client.destroy();
  });
});

it("a call that hangs is never carried out", async () => {
  await using world = await started();
  world.aws.fault("PutSecretValue", "hangs");
  const abort = new AbortController();
  const asked = refusal(world.client.send(putting(2), { abortSignal: abort.signal }));
  await world.client.send(describing);
  while (!world.aws.calls.some(({ operation }) => operation === "PutSecretValue"))
    await world.client.send(describing);
  abort.abort();
  expect(await asked).toMatch(/^AbortError/);
  expect(written(world)).toBe(false);
});

it("a call that arrives late is carried out when released, by the rules of that time", async () => {
  await using world = await started();
  world.aws.fault("PutSecretValue", "arrives_late", { times: 2 });
  await refusal(world.client.send(putting(2)));
  await refusal(world.client.send(putting(3)));
  expect(world.aws.calls.map(({ outcome }) => outcome)).toEqual(["lost", "lost"]);
  world.aws.principal("anyone", ["secretsmanager:DescribeSecret"]);
  expect(world.aws.releaseLate()).toBe(2);
  expect(world.aws.calls.map(({ outcome }) => outcome)).toEqual(["refused", "refused"]);
  expect(written(world)).toBe(false);
});

it("a late call is carried out once", async () => {
  await using world = await started();
  world.aws.fault("PutSecretValue", "arrives_late");
  await refusal(world.client.send(putting(2)));
  expect(world.aws.releaseLate()).toBe(1);
  expect(world.aws.releaseLate()).toBe(0);
  expect(world.aws.secret("one")?.labels["AWSCURRENT"]).toBe(versionId(2));
  expect(world.aws.calls.at(-1)?.outcome).toBe("done");
});

it("a delayed call is carried out even though its caller has gone", async () => {
  await using world = await started();
  world.aws.fault("PutSecretValue", { delayMilliseconds: 50 });
  const abort = new AbortController();
  const asked = refusal(world.client.send(putting(2), { abortSignal: abort.signal }));
  while (world.aws.calls.length === 0)
    await world.client.send(new GetSecretValueCommand({ SecretId: "one" }));
  abort.abort();
  expect(await asked).toMatch(/^AbortError/);
  while (!written(world)) await world.client.send(describing);
});

it("a crash is called when the call has been carried out and not yet answered", async () => {
  await using world = await started();
  let seen = false;
  world.aws.fault("PutSecretValue", {
    crash() {
      seen = written(world);
    },
  });
  await world.client.send(putting(2));
  expect(seen).toBe(true);
});

it("stale reads show an earlier state, by label only, until told otherwise", async () => {
  await using world = await started();
  await world.client.send(putting(2));
  world.aws.staleReads(1);
  const read = async (which: { VersionId?: string }) =>
    (await world.client.send(new GetSecretValueCommand({ SecretId: "one", ...which }))).SecretString;
  const described = await world.client.send(describing);
  expect(described.VersionIdsToStages).toEqual({ [versionId(1)]: ["AWSCURRENT"] });
  expect(await read({})).toBe("v1");
  expect(await read({ VersionId: versionId(2) })).toBe("v2");
  // Writes know how it is.
  await world.client.send(putting(3));
  expect(world.aws.secret("one")?.labels["AWSPREVIOUS"]).toBe(versionId(2));
  world.aws.staleReads(3);
  expect(await refusal(world.client.send(describing))).toMatch(/^ResourceNotFoundException/);
  world.aws.staleReads(0);
  expect(await read({})).toBe("v3");
});
