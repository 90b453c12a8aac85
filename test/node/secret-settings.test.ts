/** Which secrets a configuration names, and what they must be together. */
import { describe, expect, it } from "vitest";
import type { Problem } from "../../src/errors.ts";
import { readConfig } from "../../src/node/config.ts";

const ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:keyturn/ring-AbCdEf";
const AWS = { store: "aws-secrets-manager", secretId: "keyturn/ring" };

async function problemsOf(flags: Readonly<Record<string, string>>): Promise<readonly Problem[]> {
  return readConfig(flags, {}).then(
    () => [],
    (error) => error.problems,
  );
}

describe("a store in AWS Secrets Manager", () => {
  it("has a short name", async () => {
    expect(await readConfig({ ...AWS, store: "aws" }, {})).toEqual(await readConfig(AWS, {}));
  });

  it("keeps the API tokens in a secret of their own, beside the ring's", async () => {
    expect(await readConfig(AWS, {})).toMatchObject({
      apiTokensSecretId: "keyturn/ring-api-token-book",
      awsRegion: null,
    });
    expect(await readConfig({ ...AWS, apiTokensSecretId: "tokens" }, {})).toMatchObject({
      apiTokensSecretId: "tokens",
    });
  });

  it("that is named by its ARN has name and region from that", async () => {
    expect(await readConfig({ ...AWS, secretId: ARN }, {})).toMatchObject({
      secretId: ARN,
      apiTokensSecretId: "keyturn/ring-api-token-book",
      awsRegion: "eu-central-1",
    });
  });

  it("needs the ring's secret, and a store of files has none", async () => {
    expect(await problemsOf({ store: "aws" })).toMatchObject([{ code: "secret_id_needed", at: "secretId" }]);
    expect(await problemsOf({ secretId: "a", apiTokensSecretId: "b" })).toMatchObject([
      { code: "store_needed", at: "secretId" },
      { code: "store_needed", at: "apiTokensSecretId" },
    ]);
  });

  it("is told of every id that can be none, and of a region that is not the ARN's", async () => {
    const wrong = { ...AWS, secretId: "a b", apiTokensSecretId: "arn:aws:s3:::x", kekSecretId: "ä" };
    expect(await problemsOf(wrong)).toMatchObject([
      { code: "secret_id_invalid", at: "secretId" },
      { code: "secret_id_invalid", at: "apiTokensSecretId" },
      { code: "secret_id_invalid", at: "kekSecretId" },
    ]);
    expect(await problemsOf({ ...AWS, secretId: ARN, awsRegion: "us-east-1" })).toMatchObject([
      { code: "secret_id_invalid", at: "secretId", message: expect.stringContaining("us-east-1") },
    ]);
  });

  it("holds one thing in one secret, whether it is called by its name or its ARN", async () => {
    expect(await problemsOf({ ...AWS, kekSecretId: ARN })).toMatchObject([
      {
        code: "secret_used_twice",
        at: "kekSecretId",
        message: expect.stringContaining("is secretId already"),
      },
    ]);
    expect(await problemsOf({ ...AWS, apiTokensSecretId: "keyturn/ring" })).toMatchObject([
      { code: "secret_used_twice", at: "apiTokensSecretId" },
    ]);
  });
});

it("a KEK in a secret or under a KMS key goes with a store of files too", async () => {
  expect(
    await problemsOf({ kekSecretId: "keyturn/kek", kmsKeyId: "alias/keyturn", awsRegion: "eu-west-1" }),
  ).toEqual([]);
});
