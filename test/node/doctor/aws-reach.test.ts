/** How far the doctor's look at AWS reaches: where it asks, what it cannot try, and that it makes nothing. */
import { expect, it, vi } from "vitest";
import { secretsManagerOf } from "../../../src/aws/secrets-manager.ts";
import { systemClock } from "../../../src/clock.ts";
import type { Config } from "../../../src/node/config.ts";
import { probed } from "../../../src/node/doctor/aws-probe.ts";
import { examine } from "../../../src/node/doctor/examine.ts";
import { readKeks } from "../../../src/node/secrets.ts";
import { storeOf } from "../../../src/node/store.ts";
import { READ_ONLY, WRITING } from "../on-aws.ts";
import { houseOnAws } from "./aws-house.ts";

const { world, become, house } = houseOnAws();

async function examined(config: Config, names: RegExp): Promise<string[]> {
  const findings = await examine(config, {}, systemClock);
  return findings
    .filter(({ name }) => names.test(name))
    .map(({ name, verdict, what }) => `${verdict} ${name}: ${what}`);
}

/** Secrets that have a key of their own, as deploy/aws makes them. */
function secretsUnder(KmsKeyId: string): void {
  for (const each of ["ring", "ring-api-token-book", "kek"])
    world.aws.arrange("CreateSecret", {
      Name: `${world.name}/${each}`,
      KmsKeyId,
      ClientRequestToken: crypto.randomUUID(),
    });
}

/** The KEK alone is on AWS, by its ARN. */
function kekByArn(config: Config): Config {
  const kekSecretId = world.aws.secret(`${world.name}/kek`)?.arn ?? "";
  return { ...config, store: "file", secretId: null, apiTokensSecretId: null, kekSecretId };
}

it("warns that it cannot try the secrets' own KMS key, without which a node that takes steps cannot commit", async () => {
  const { arn } = world.aws.makeKey();
  secretsUnder(arn);
  const config = await house();
  await become("no generate", [...READ_ONLY, ...WRITING, "kms:Decrypt"]);
  const store = storeOf(config, "ring");
  const { revision } = (await store.load()) ?? {};
  await expect(store.replace("next", revision ?? null)).rejects.toThrow("KMS key");

  const [told = "", ...others] = await examined(config, /^secrets-kms-key$/);
  expect(told).toContain(`warn secrets-kms-key: Whether this node may use the KMS key ${arn}`);
  expect(others).toEqual([]);
  expect(await examined({ ...config, steps: "off" }, /^secrets-kms-key$/)).toEqual([]);
});

it("never says that kms:GenerateDataKey is not needed where one key is for both", async () => {
  const { arn } = world.aws.makeKey();
  secretsUnder(arn);
  const config = await house({ kmsKeyId: arn });
  await become("no generate", [...READ_ONLY, ...WRITING, "kms:Decrypt"]);
  const told = (await examined(config, /kms/)).join(" ");
  expect(told).toContain("ok kms-generate-data-key");
  expect(told).toContain("warn secrets-kms-key");
  expect(told).not.toContain("not needed");
});

it("looks for secret and KMS key in the regions of their ARNs, whatever region is set, as the node does", async () => {
  const { arn } = world.aws.makeKey();
  const elsewhere = { ...kekByArn(await house({ kmsKeyId: arn })), awsRegion: "eu-west-3" };
  expect((await readKeks(elsewhere, {})).kek).toMatch(/^[\w-]{43}$/);
  const told = await examined(elsewhere, /kms|get-secret/);
  expect(told).toHaveLength(3);
  expect(told.filter((each) => !each.startsWith("ok"))).toEqual([]);
});

it("looks for the KEK in the region of its ARN where no region is set", async () => {
  const config = { ...kekByArn(await house()), awsRegion: null };
  for (const name of ["AWS_REGION", "AWS_DEFAULT_REGION"]) vi.stubEnv(name, undefined);
  expect((await readKeks(config, {})).kek).toMatch(/^[\w-]{43}$/);
  expect(await examined(config, /get-secret|aws-sdk/)).toEqual([
    "ok get-secret-value: GetSecretValue is allowed.",
  ]);
});

it("makes no secret, also where one is deleted in the midst of it", async () => {
  const config = await house();
  const ring = `${world.name}/ring`;
  const crash = () =>
    void world.aws.arrange("DeleteSecret", { SecretId: ring, ForceDeleteWithoutRecovery: true });
  world.aws.fault("UpdateSecretVersionStage", { crash });
  await examine(config, {}, systemClock);
  expect(world.aws.secret(ring)).toBeNull();
});

it("writes no value into a secret that is made anew under the name in the midst of it", async () => {
  await house();
  const ring = `${world.name}/ring`;
  const { endpoint, region } = world.aws;
  const aws = await secretsManagerOf({ endpoint, region })();
  aws.client.middlewareStack.add(
    (next, { commandName }) =>
      (args) => {
        if (commandName === "PutSecretValueCommand") {
          world.aws.arrange("DeleteSecret", { SecretId: ring, ForceDeleteWithoutRecovery: true });
          world.aws.arrange("CreateSecret", { Name: ring, ClientRequestToken: crypto.randomUUID() });
        }
        return next(args);
      },
    { step: "initialize" },
  );
  const { put } = await probed({ aws, where: region }, ring);
  expect(put).toMatchObject({ failure: { name: "ResourceNotFoundException" } });
  expect(world.aws.secret(ring)?.versions).toEqual([]);
});
