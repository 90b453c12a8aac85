import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  RestoreSecretCommand,
} from "@aws-sdk/client-secrets-manager";
import { describe, expect, it } from "vitest";
import { opened, refusal, versionId } from "./opened.ts";

const DAY = 86_400;
const MARKED =
  "InvalidRequestException: You can't perform this operation on the secret because it was marked for deletion.";
const NOT_FOUND = "ResourceNotFoundException: Secrets Manager can't find the specified secret.";

describe("CreateSecret", () => {
  it("keeps name, description and tags, and answers with an ARN of six random characters", async () => {
    await using world = await opened({ now: () => 1_800_000_000 });
    const { client } = world;
    const made = await client.send(
      new CreateSecretCommand({
        Name: "a/_+=.@-b",
        Description: "d",
        Tags: [{ Key: "k", Value: "v" }],
        SecretString: "v",
        ClientRequestToken: versionId(1),
      }),
    );
    expect(made).toMatchObject({ Name: "a/_+=.@-b", VersionId: versionId(1) });
    expect(made.ARN).toMatch(
      /^arn:aws:secretsmanager:us-east-1:123456789012:secret:a\/_\+=\.@-b-[A-Za-z0-9]{6}$/,
    );
    const { $metadata, ...described } = await client.send(new DescribeSecretCommand({ SecretId: made.ARN }));
    expect($metadata.requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(described).toEqual({
      ARN: made.ARN,
      Name: "a/_+=.@-b",
      Description: "d",
      Tags: [{ Key: "k", Value: "v" }],
      CreatedDate: new Date(1_800_000_000_000),
      LastChangedDate: new Date(1_800_000_000_000),
      VersionIdsToStages: { [versionId(1)]: ["AWSCURRENT"] },
    });
  });

  it("makes a secret without any version, as Terraform leaves it", async () => {
    await using world = await opened();
    const { client } = world;
    const made = await client.send(new CreateSecretCommand({ Name: "empty" }));
    expect(made.VersionId).toBeUndefined();
    const described = await client.send(new DescribeSecretCommand({ SecretId: "empty" }));
    expect(described.VersionIdsToStages).toBeUndefined();
    expect(await refusal(client.send(new GetSecretValueCommand({ SecretId: "empty" })))).toBe(
      "ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
    );
  });

  it("succeeds again for the same token and value, and for nothing else under that name", async () => {
    await using world = await opened();
    const create = (SecretString?: string, token?: number) =>
      world.client.send(
        new CreateSecretCommand({
          Name: "one",
          SecretString,
          ...(token !== undefined && { ClientRequestToken: versionId(token) }),
        }),
      );
    const first = await create("v", 1);
    expect((await create("v", 1)).ARN).toBe(first.ARN);
    expect(await refusal(create("w", 1))).toMatch(
      /^ResourceExistsException: You can't use ClientRequestToken/,
    );
    const taken = "ResourceExistsException: The operation failed because the secret one already exists.";
    expect(await refusal(create("v", 2))).toBe(taken);
    expect(await refusal(create())).toBe(taken);
    expect(world.aws.secret("one")?.versions).toHaveLength(1);
  });

  it.each(["with space", "umläut", "semi;colon", "x".repeat(513), ""])(
    "refuses the name %j",
    async (Name) => {
      await using world = await opened();
      expect(await refusal(world.client.send(new CreateSecretCommand({ Name })))).toMatch(
        /^ValidationException/,
      );
    },
  );
});

describe("a SecretId", () => {
  it("is a name or a whole ARN, and not a part of one", async () => {
    await using world = await opened();
    world.aws.arrange("CreateSecret", { Name: "one" });
    const arn = world.aws.secret("one")?.arn ?? "";
    const describing = (SecretId: string) => world.client.send(new DescribeSecretCommand({ SecretId }));
    expect((await describing("one")).ARN).toBe(arn);
    expect((await describing(arn)).Name).toBe("one");
    expect(await refusal(describing(arn.slice(0, -7)))).toBe(NOT_FOUND);
    expect(await refusal(describing("two"))).toBe(NOT_FOUND);
    expect(await refusal(describing("toString"))).toBe(NOT_FOUND);
  });
});

describe("a secret's value", () => {
  it("is 1 to 65,536 bytes, and bytes are not characters", async () => {
    await using world = await opened();
    world.aws.arrange("CreateSecret", { Name: "one" });
    const put = (SecretString: string) =>
      world.client.send(new PutSecretValueCommand({ SecretId: "one", SecretString }));
    await put("x".repeat(65_536));
    expect(await refusal(put("x".repeat(65_537)))).toMatch(/^ValidationException: .*65536/);
    expect(await refusal(put("ä".repeat(32_769)))).toMatch(/^ValidationException: .*65536/);
    expect(await refusal(put(""))).toMatch(/^ValidationException: .*greater than or equal to 1/);
  });

  it("is text or bytes, not both and not neither", async () => {
    await using world = await opened();
    world.aws.arrange("CreateSecret", { Name: "one" });
    const put = (value: { SecretString?: string; SecretBinary?: Uint8Array }) =>
      world.client.send(new PutSecretValueCommand({ SecretId: "one", ...value }));
    const bytes = new Uint8Array([0, 255]);
    await put({ SecretBinary: bytes });
    const read = await world.client.send(new GetSecretValueCommand({ SecretId: "one" }));
    expect(new Uint8Array(read.SecretBinary ?? [])).toEqual(bytes);
    expect(read.SecretString).toBeUndefined();
    expect(await refusal(put({ SecretBinary: bytes, SecretString: "v" }))).toMatch(
      /^InvalidParameterException/,
    );
    expect(await refusal(put({}))).toMatch(/^InvalidRequestException/);
  });
});

describe("a secret that is scheduled for deletion", () => {
  it("is described and restored, and nothing else", async () => {
    let now = 1_800_000_000;
    await using world = await opened({ now: () => now });
    const { client } = world;
    world.aws.arrange("CreateSecret", { Name: "one", SecretString: "v", ClientRequestToken: versionId(1) });
    const deleted = await client.send(new DeleteSecretCommand({ SecretId: "one", RecoveryWindowInDays: 7 }));
    expect(deleted.DeletionDate).toEqual(new Date((now + 7 * DAY) * 1000));
    const described = await client.send(new DescribeSecretCommand({ SecretId: "one" }));
    expect(described.DeletedDate).toEqual(deleted.DeletionDate);

    expect(await refusal(client.send(new GetSecretValueCommand({ SecretId: "one" })))).toBe(MARKED);
    expect(
      await refusal(client.send(new GetSecretValueCommand({ SecretId: "one", VersionId: versionId(1) }))),
    ).toBe(MARKED);
    expect(
      await refusal(client.send(new PutSecretValueCommand({ SecretId: "one", SecretString: "w" }))),
    ).toBe(MARKED);
    expect(await refusal(client.send(new CreateSecretCommand({ Name: "one" })))).toBe(
      "InvalidRequestException: You can't create this secret because a secret with this name is already scheduled for deletion.",
    );

    now += 7 * DAY - 1;
    await client.send(new RestoreSecretCommand({ SecretId: "one" }));
    expect((await client.send(new DescribeSecretCommand({ SecretId: "one" }))).DeletedDate).toBeUndefined();
    expect((await client.send(new GetSecretValueCommand({ SecretId: "one" }))).SecretString).toBe("v");
  });

  it("is gone with the end of its recovery window", async () => {
    let now = 1_800_000_000;
    await using world = await opened({ now: () => now });
    world.aws.arrange("CreateSecret", { Name: "one", SecretString: "v", ClientRequestToken: versionId(1) });
    const { arn } = world.aws.secret("one") ?? {};
    world.aws.arrange("DeleteSecret", { SecretId: "one" });
    now += 30 * DAY;
    expect(await refusal(world.client.send(new RestoreSecretCommand({ SecretId: "one" })))).toBe(NOT_FOUND);
    const again = await world.client.send(new CreateSecretCommand({ Name: "one" }));
    expect(again.ARN).not.toBe(arn);
  });

  it("has a window of 7 to 30 days, or none by force", async () => {
    await using world = await opened();
    world.aws.arrange("CreateSecret", { Name: "one" });
    const remove = (how: { RecoveryWindowInDays?: number; ForceDeleteWithoutRecovery?: boolean }) =>
      world.client.send(new DeleteSecretCommand({ SecretId: "one", ...how }));
    for (const RecoveryWindowInDays of [0, 6, 31])
      expect(await refusal(remove({ RecoveryWindowInDays }))).toMatch(
        /^InvalidParameterException: .*7 and 30/,
      );
    expect(await refusal(remove({ RecoveryWindowInDays: 7, ForceDeleteWithoutRecovery: true }))).toMatch(
      /^InvalidParameterException/,
    );
    await remove({ ForceDeleteWithoutRecovery: true });
    expect(world.aws.secret("one")).toBeNull();
    await remove({ ForceDeleteWithoutRecovery: true });
    expect(await refusal(remove({}))).toBe(NOT_FOUND);
  });
});

describe("a replica", () => {
  it("is read in its region, says where the primary is, and is not written", async () => {
    await using world = await opened();
    world.aws.arrange("CreateSecret", { Name: "one", SecretString: "v", ClientRequestToken: versionId(1) });
    world.aws.makeReplica("one", "eu-west-1");
    const there = world.as("anyone", undefined, "eu-west-1");
    const described = await there.send(new DescribeSecretCommand({ SecretId: "one" }));
    expect(described.ARN).toContain(":eu-west-1:");
    expect(described.PrimaryRegion).toBe("us-east-1");
    expect((await there.send(new GetSecretValueCommand({ SecretId: "one" }))).SecretString).toBe("v");
    expect(await refusal(there.send(new PutSecretValueCommand({ SecretId: "one", SecretString: "w" })))).toBe(
      "InvalidParameterException: Operation not permitted on a replica secret. Call must be made in primary secret's region.",
    );
    const primary = await world.client.send(new DescribeSecretCommand({ SecretId: "one" }));
    expect(primary.ReplicationStatus).toMatchObject([{ Region: "eu-west-1", Status: "InSync" }]);
    expect(await refusal(world.client.send(new DeleteSecretCommand({ SecretId: "one" })))).toMatch(
      /^InvalidParameterException: .*still has replica regions \[eu-west-1\]/,
    );
  });
});
