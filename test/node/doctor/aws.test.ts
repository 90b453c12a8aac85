/** What the doctor finds of a ring in AWS Secrets Manager, each permission taken away once. */
import { describe, expect, it, vi } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import type { Config } from "../../../src/node/config.ts";
import { checkSecrets, checkVersions } from "../../../src/node/doctor/aws-secret.ts";
import { checkServiceClock } from "../../../src/node/doctor/clock.ts";
import { examine } from "../../../src/node/doctor/examine.ts";
import type { Finding } from "../../../src/node/doctor/finding.ts";
import { READ_ONLY, WRITING } from "../on-aws.ts";
import { configIn, newPlace } from "../place.ts";
import { houseOnAws } from "./aws-house.ts";
import { NOW } from "./house.ts";

const { world, become, house } = houseOnAws();
const OF_AWS = [
  "describe-secret",
  "get-secret-value",
  "put-secret-value",
  "update-version-stage",
  "create-secret",
  "secrets",
  "versions",
  "aws-clock",
  "kms-decrypt",
  "kms-generate-data-key",
];
const EVERYTHING = [
  ...READ_ONLY,
  ...WRITING,
  "secretsmanager:CreateSecret",
  "secretsmanager:ListSecretVersionIds",
];

async function examined(config: Config): Promise<Record<string, Finding>> {
  const findings = await examine(config, {}, systemClock);
  return Object.fromEntries(
    findings.filter(({ name }) => OF_AWS.includes(name)).map((each) => [each.name, each]),
  );
}

const verdicts = (findings: Record<string, Finding>) =>
  Object.fromEntries(Object.entries(findings).map(([name, { verdict }]) => [name, verdict]));
const ALL_WELL = Object.fromEntries(OF_AWS.slice(0, 8).map((name) => [name, "ok"]));
const secretNames = () => ["ring", "ring-api-token-book", "kek"].map((name) => `${world.name}/${name}`);

describe("the doctor of a ring in AWS Secrets Manager", () => {
  it("finds all well where all is allowed, and changes nothing in any secret", async () => {
    const config = await house();
    const before = secretNames().map((name) => world.aws.secret(name));
    expect(before).not.toContain(null);
    expect(verdicts(await examined(config))).toEqual(ALL_WELL);
    expect(secretNames().map((name) => world.aws.secret(name))).toEqual(before);
    const asked = new Set(world.aws.calls.map(({ operation }) => operation));
    expect([...asked].sort()).toEqual([
      "DescribeSecret",
      "GetSecretValue",
      "ListSecretVersionIds",
      "PutSecretValue",
      "UpdateSecretVersionStage",
    ]);
  });

  it.each([
    ["DescribeSecret", "describe-secret"],
    ["GetSecretValue", "get-secret-value"],
    ["PutSecretValue", "put-secret-value"],
    ["UpdateSecretVersionStage", "update-version-stage"],
  ])("names %s and each secret where it is denied", async (action, name) => {
    const config = await house();
    await become(
      "less",
      EVERYTHING.filter((allowed) => allowed !== `secretsmanager:${action}`),
    );
    const findings = await examined(config);
    expect(findings[name]).toMatchObject({ verdict: "fail" });
    for (const secret of ["ring", "ring-api-token-book"])
      expect(findings[name]?.what).toMatch(
        new RegExp(`secretsmanager:${action} on (arn:[^ ]*:)?${world.name}/${secret}`),
      );
    const others = Object.entries(findings).filter(([other]) => other !== name);
    expect(others.filter(([, { verdict }]) => verdict === "fail")).toEqual([]);
  });

  it("needs no permission to create what is there, nor to list versions", async () => {
    const config = await house();
    await become("less", [...READ_ONLY, ...WRITING]);
    const { versions: _, ...well } = ALL_WELL;
    const findings = await examined(config);
    expect(verdicts(findings)).toEqual(well);
    expect(findings["create-secret"]?.what).toContain("not needed");
  });

  it("only warns of permissions to write where steps are off", async () => {
    const config = await house();
    await become("reader", READ_ONLY);
    const findings = await examined({ ...config, steps: "off" });
    expect(verdicts(findings)).toMatchObject({
      "describe-secret": "ok",
      "get-secret-value": "ok",
      "put-secret-value": "warn",
      "update-version-stage": "warn",
      "create-secret": "ok",
    });
  });

  it("says what cannot be told where there is no secret yet, and makes none", async () => {
    const config = await configIn(await newPlace(), world.flags());
    const findings = await examined(config);
    expect(findings["create-secret"]).toMatchObject({ verdict: "warn" });
    expect(findings["put-secret-value"]).toMatchObject({ verdict: "ok" });
    expect(secretNames().map((name) => world.aws.secret(name))).toEqual([null, null, null]);
  });

  it("changes nothing when others commit in the midst of it, after each thing that it reads", async () => {
    const config = await house();
    const ring = `${world.name}/ring`;
    const arn = world.aws.secret(ring)?.arn as string;
    const tokens = Array.from({ length: 20 }, (_, i) => String(100 + i).padStart(32, "0"));
    const left = [...tokens];
    const commit = () => {
      world.aws.arrange("PutSecretValue", {
        SecretId: arn,
        ClientRequestToken: left.shift(),
        SecretString: "another",
        VersionStages: ["AWSCURRENT"],
      });
    };
    for (const operation of [
      "DescribeSecret",
      "GetSecretValue",
      "PutSecretValue",
      "UpdateSecretVersionStage",
    ])
      world.aws.fault(operation, { crash: commit }, { times: 4 });
    await examined(config);
    const done = tokens.length - left.length;
    expect(done).toBeGreaterThanOrEqual(8);
    expect(world.aws.secret(ring)?.labels).toMatchObject({
      AWSCURRENT: tokens[done - 1],
      AWSPREVIOUS: tokens[done - 2],
    });
  });

  it("tells a region where the secrets can only be read, and a secret that is to be deleted", async () => {
    const config = await house();
    world.aws.makeReplica(`${world.name}/ring`, "eu-west-1");
    const there = await examined({ ...config, awsRegion: "eu-west-1" });
    expect(there["secrets"]).toMatchObject({
      verdict: "warn",
      what: expect.stringContaining("is a replica"),
    });
    world.aws.arrange("DeleteSecret", { SecretId: `${world.name}/ring-api-token-book` });
    expect((await examined(config))["secrets"]).toMatchObject({
      verdict: "fail",
      what: expect.stringContaining("scheduled for deletion"),
    });
  });

  it("tells what a KMS key is allowed for: to decrypt is needed, to generate only before there is a KEK", async () => {
    const key = world.aws.makeKey();
    const config = await house({ kmsKeyId: key.arn, issuer: "https://auth.example.com" });
    expect(verdicts(await examined(config))).toEqual({
      ...ALL_WELL,
      "kms-decrypt": "ok",
      "kms-generate-data-key": "ok",
    });
    await become("decrypter", [...EVERYTHING, "kms:Decrypt"]);
    expect(verdicts(await examined(config))).toMatchObject({
      "kms-decrypt": "ok",
      "kms-generate-data-key": "ok",
    });
    await become("without", EVERYTHING);
    const findings = await examined(config);
    expect(findings["kms-decrypt"]).toMatchObject({
      verdict: "fail",
      what: expect.stringContaining("kms:Decrypt"),
    });
    expect(findings["kms-decrypt"]?.what).toContain(key.arn);
    expect(findings["kms-generate-data-key"]?.what).toContain("kms:GenerateDataKey");
  });

  it("says that credentials are missing once a permission, and nothing of them", async () => {
    const config = await house();
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) vi.stubEnv(name, undefined);
    const findings = await examined(config);
    expect(findings["describe-secret"]).toMatchObject({
      verdict: "fail",
      what: expect.stringContaining("no AWS credentials"),
    });
  });
});

describe("of a secret is told", () => {
  const described = (more: object) => [
    { id: "ring", described: { $metadata: {}, ARN: "arn:aws:x", ...more } },
  ];

  it("that a replica of it is not in step", () => {
    const replicas = (Status: "InSync" | "InProgress" | "Failed") =>
      described({ ReplicationStatus: [{ Region: "eu-west-1", Status }] });
    expect(checkSecrets(replicas("InSync")).verdict).toBe("ok");
    for (const status of ["InProgress", "Failed"] as const)
      expect(checkSecrets(replicas(status))).toMatchObject({
        verdict: "warn",
        what: expect.stringContaining(`in eu-west-1 is not in step: ${status}`),
      });
  });

  it("that somebody rotates it, or that it is another service's", () => {
    expect(checkSecrets(described({ RotationEnabled: false })).verdict).toBe("ok");
    expect(checkSecrets(described({ RotationEnabled: true }))).toMatchObject({
      verdict: "fail",
      fix: expect.stringContaining("cancel-rotate-secret --secret-id ring"),
    });
    expect(checkSecrets(described({ OwningService: "rds" })).verdict).toBe("fail");
  });

  it("that it gets too many versions within a day", () => {
    const versions = (count: number, ageSeconds: number) =>
      Array.from({ length: count }, () => ({ CreatedDate: new Date((NOW - ageSeconds) * 1000) }));
    const listed = (Versions: { CreatedDate: Date }[]) => [
      { id: "ring", listed: { $metadata: {}, Versions } },
    ];
    expect(checkVersions(listed([...versions(79, 60), ...versions(21, 90_000)]), NOW).verdict).toBe("ok");
    expect(checkVersions(listed(versions(80, 86_000)), NOW)).toMatchObject({
      verdict: "warn",
      what: expect.stringContaining("80 versions"),
    });
  });
});

it("compares the clock with the service's", () => {
  const dated = (seconds: number) => ({
    date: new Date((NOW + seconds) * 1000).toUTCString(),
    askedAt: NOW,
    answeredAt: NOW,
  });
  expect(checkServiceClock(dated(10), 30).verdict).toBe("ok");
  expect(checkServiceClock(dated(-20), 30).verdict).toBe("warn");
  expect(checkServiceClock(dated(60), 30)).toMatchObject({
    verdict: "fail",
    what: expect.stringContaining("AWS Secrets Manager are 58s apart"),
  });
});
