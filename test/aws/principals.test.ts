import { DecryptCommand, GenerateDataKeyCommand } from "@aws-sdk/client-kms";
import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { describe, expect, it } from "vitest";
import { started } from "./one-secret.ts";
import { type Opened, opened, refusal, versionId } from "./opened.ts";

const read = new GetSecretValueCommand({ SecretId: "one" });
const put = new PutSecretValueCommand({ SecretId: "one", SecretString: "v2" });

describe("a principal", () => {
  it("is refused what it may not do, in the words of IAM", async () => {
    await using world = await started();
    const reader = world.as("reader", ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]);
    expect((await reader.send(read)).SecretString).toBe("v1");
    expect(await refusal(reader.send(put))).toBe(
      "AccessDeniedException: User: arn:aws:iam::123456789012:user/reader is not authorized to perform: secretsmanager:PutSecretValue on resource: one because no identity-based policy allows the secretsmanager:PutSecretValue action",
    );
    expect(world.aws.calls.at(-1)).toEqual({
      operation: "PutSecretValue",
      principal: "reader",
      outcome: "refused",
    });
    expect(world.aws.secret("one")?.versions).toHaveLength(1);
  });

  it("cannot tell without DescribeSecret whether a secret exists", async () => {
    await using world = await started();
    const nobody = world.as("nobody", []);
    const describing = (SecretId: string) => refusal(nobody.send(new DescribeSecretCommand({ SecretId })));
    expect((await describing("one")).replaceAll("one", "two")).toBe(await describing("two"));
  });

  it("is limited to the secrets that its policy names", async () => {
    await using world = await started();
    world.aws.arrange("CreateSecret", { Name: "two", SecretString: "w", ClientRequestToken: versionId(1) });
    const on = "arn:aws:secretsmanager:us-east-1:123456789012:secret:one-??????";
    const limited = world.as("limited", [`secretsmanager:* on ${on}`]);
    await limited.send(put);
    expect(await refusal(limited.send(new GetSecretValueCommand({ SecretId: "two" })))).toMatch(
      /^AccessDenied/,
    );
    // What does not exist has no six characters yet, so the policy does not cover it.
    expect(await refusal(limited.send(new GetSecretValueCommand({ SecretId: "one-more" })))).toMatch(
      /^AccessDenied/,
    );
  });

  it("needs secretsmanager:TagResource to create with tags", async () => {
    await using world = await opened();
    const creator = world.as("creator", ["secretsmanager:CreateSecret"]);
    const Tags = [{ Key: "k", Value: "v" }];
    expect(await refusal(creator.send(new CreateSecretCommand({ Name: "two", Tags })))).toMatch(
      /^AccessDeniedException: .*secretsmanager:TagResource/,
    );
    await creator.send(new CreateSecretCommand({ Name: "two" }));
  });

  it("may be given other permissions later, under the same credentials", async () => {
    await using world = await started();
    const reader = world.as("reader", ["secretsmanager:GetSecretValue"]);
    await reader.send(read);
    world.aws.principal("reader", []);
    expect(await refusal(reader.send(read))).toMatch(/^AccessDeniedException/);
  });
});

describe("credentials", () => {
  const clientWith = (
    world: Opened,
    credentials: { accessKeyId: string; secretAccessKey: string },
    region: string,
  ) => new SecretsManagerClient({ endpoint: world.aws.endpoint, region, credentials, maxAttempts: 1 });

  it("that nobody has are refused", async () => {
    await using world = await started();
    const client = clientWith(world, { accessKeyId: "AKIANOBODY", secretAccessKey: "s" }, "us-east-1");
    expect(await refusal(client.send(read))).toBe(
      "UnrecognizedClientException: The security token included in the request is invalid.",
    );
    expect(world.aws.calls.at(-1)).toMatchObject({ principal: "unknown", outcome: "refused" });
  });

  it("with another secret do not sign", async () => {
    await using world = await started();
    const { accessKeyId } = world.aws.principal("reader");
    const client = clientWith(world, { accessKeyId, secretAccessKey: "another" }, "us-east-1");
    expect(await refusal(client.send(read))).toMatch(
      /^InvalidSignatureException: The request signature we calculated/,
    );
  });

  it("expire", async () => {
    await using world = await started();
    const reader = world.as("reader");
    await reader.send(read);
    world.aws.expire("reader");
    expect(await refusal(reader.send(read))).toMatch(/^ExpiredTokenException/);
  });

  it("are of one region", async () => {
    await using world = await started();
    const client = world.as("reader", undefined, "eu-north-1");
    expect(await refusal(client.send(read))).toBe(
      "InvalidSignatureException: Credential should be scoped to a valid region.",
    );
  });
});

describe("a clock more than five minutes off", () => {
  it.each([
    [310, /^InvalidSignatureException: Signature expired: \d{8}T\d{6}Z is now earlier than .* - 5 min\.\)$/],
    [-310, /^InvalidSignatureException: Signature not yet current: /],
  ])("by %i seconds is refused, and corrected by the Date of the refusal", async (skew, message) => {
    await using world = await started();
    world.aws.skewClock(skew);
    expect(await refusal(world.client.send(read))).toMatch(message);
    expect((await world.client.send(read)).SecretString).toBe("v1");
  });

  it("is no matter to an SDK that may try again", async () => {
    await using world = await started();
    world.aws.skewClock(3600);
    const { endpoint } = world.aws;
    const client = new SecretsManagerClient({
      endpoint,
      region: "us-east-1",
      credentials: world.aws.principal("p"),
    });
    expect((await client.send(read)).SecretString).toBe("v1");
    expect(world.aws.calls.map(({ outcome }) => outcome)).toEqual(["refused", "done"]);
  });
});

describe("a secret under a customer's key", () => {
  const ASM = ["secretsmanager:*"];

  it("needs kms:Decrypt to be read, kms:GenerateDataKey too to be written", async () => {
    await using world = await opened();
    const { keyId, arn } = world.aws.makeKey();
    world.aws.arrange("CreateSecret", {
      Name: "one",
      KmsKeyId: keyId,
      SecretString: "v1",
      ClientRequestToken: versionId(1),
    });
    const denied = "AccessDeniedException: Access to KMS is not allowed";
    expect(await refusal(world.as("none", ASM).send(read))).toBe(denied);
    const reader = world.as("reader", [...ASM, `kms:Decrypt on ${arn}`]);
    expect((await reader.send(read)).SecretString).toBe("v1");
    expect(await refusal(reader.send(put))).toBe(denied);
    expect(world.aws.secret("one")?.versions).toHaveLength(1);
    await world.as("writer", [...ASM, "kms:Decrypt", "kms:GenerateDataKey"]).send(put);
    expect((await reader.send(new DescribeSecretCommand({ SecretId: "one" }))).KmsKeyId).toBe(keyId);
  });

  it("shows no key where it is the account's own, which everybody may use", async () => {
    await using world = await opened();
    const everything = world.as("anyone", ASM);
    const KmsKeyId = "alias/aws/secretsmanager";
    await everything.send(new CreateSecretCommand({ Name: "one", KmsKeyId, SecretString: "v1" }));
    expect((await everything.send(read)).SecretString).toBe("v1");
    expect((await everything.send(new DescribeSecretCommand({ SecretId: "one" }))).KmsKeyId).toBeUndefined();
  });

  it("cannot be made under a key that does not exist", async () => {
    await using world = await opened();
    const making = new CreateSecretCommand({ Name: "one", KmsKeyId: "alias/none", SecretString: "v1" });
    expect(await refusal(world.client.send(making))).toMatch(/^EncryptionFailure/);
    expect(world.aws.secret("one")).toBeNull();
  });

  it("is neither read nor written while the key is disabled", async () => {
    await using world = await opened();
    const { keyId } = world.aws.makeKey();
    world.aws.arrange("CreateSecret", {
      Name: "one",
      KmsKeyId: keyId,
      SecretString: "v1",
      ClientRequestToken: versionId(1),
    });
    for (const state of ["Disabled", "PendingDeletion"] as const) {
      world.aws.setKeyState(keyId, state);
      expect(await refusal(world.client.send(read))).toMatch(/^DecryptionFailure/);
      expect(await refusal(world.client.send(put))).toMatch(/^EncryptionFailure/);
    }
    world.aws.setKeyState(keyId, "Enabled");
    expect((await world.client.send(read)).SecretString).toBe("v1");
  });
});

it("KMS keeps to the same principals", async () => {
  await using world = await opened();
  const { keyId, arn } = world.aws.makeKey();
  const reader = world.kmsAs("reader", ["kms:Decrypt"]);
  expect(await refusal(reader.send(new GenerateDataKeyCommand({ KeyId: keyId, KeySpec: "AES_256" })))).toBe(
    `AccessDeniedException: User: arn:aws:iam::123456789012:user/reader is not authorized to perform: kms:GenerateDataKey on resource: ${arn} because no identity-based policy allows the kms:GenerateDataKey action`,
  );
  const made = await world
    .kmsAs("anyone")
    .send(new GenerateDataKeyCommand({ KeyId: keyId, KeySpec: "AES_256" }));
  const opening = new DecryptCommand({ CiphertextBlob: made.CiphertextBlob });
  expect((await reader.send(opening)).Plaintext).toEqual(made.Plaintext);
  expect(await refusal(world.kmsAs("nobody", []).send(opening))).toMatch(
    /^AccessDeniedException: The ciphertext refers to a customer master key that does not exist/,
  );
});
