import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretVersionIdsCommand,
  PutSecretValueCommand,
} from "@aws-sdk/client-secrets-manager";
import { describe, expect, it } from "vitest";
import { labels, move, put, started } from "./one-secret.ts";
import { opened, refusal, versionId } from "./opened.ts";

const DAY = 86_400;

describe("PutSecretValue", () => {
  it("moves AWSCURRENT to the new version, and AWSPREVIOUS to where that was", async () => {
    await using world = await started();
    const answer = await put(world, 2, "v2");
    expect(answer).toMatchObject({ VersionId: versionId(2), VersionStages: ["AWSCURRENT"] });
    await put(world, 3, "v3");
    expect(labels(world)).toEqual({ AWSCURRENT: versionId(3), AWSPREVIOUS: versionId(2) });
  });

  it("gives the labels it is told, taking them from other versions, and leaves AWSCURRENT", async () => {
    await using world = await started();
    await put(world, 2, "v2", ["next", "other"]);
    await put(world, 3, "v3", ["next"]);
    expect(labels(world)).toEqual({ AWSCURRENT: versionId(1), other: versionId(2), next: versionId(3) });
    await put(world, 4, "v4", ["next", "AWSCURRENT"]);
    expect(labels(world)).toMatchObject({
      AWSCURRENT: versionId(4),
      AWSPREVIOUS: versionId(1),
      next: versionId(4),
    });
  });

  it("gives AWSCURRENT to a secret's first version, whatever labels it is told", async () => {
    await using world = await opened();
    world.aws.arrange("CreateSecret", { Name: "one" });
    const answer = await put(world, 1, "v1", ["next"]);
    expect([...(answer.VersionStages ?? [])].sort()).toEqual(["AWSCURRENT", "next"]);
  });

  it("does nothing for the same token and data, not even to labels", async () => {
    let now = 1_800_000_000;
    await using world = await started(() => now);
    await put(world, 2, "v2");
    now += 60;
    const again = await put(world, 1, "v1");
    expect(again).toMatchObject({ VersionId: versionId(1), VersionStages: ["AWSPREVIOUS"] });
    await put(world, 1, "v1", ["next"]);
    expect(labels(world)).toEqual({ AWSCURRENT: versionId(2), AWSPREVIOUS: versionId(1) });
    expect(world.aws.secret("one")?.changedAt).toBe(1_800_000_000);
  });

  it("refuses the same token with other data", async () => {
    await using world = await started();
    expect(await refusal(put(world, 1, "v2"))).toMatch(
      /^ResourceExistsException: You can't use ClientRequestToken/,
    );
    expect(await refusal(put(world, 1, "v2", ["next"]))).toMatch(/^ResourceExistsException/);
    expect(labels(world)).toEqual({ AWSCURRENT: versionId(1) });
  });

  it("takes a token of 32 to 64 characters, and 1 to 20 labels of 1 to 256", async () => {
    await using world = await started();
    const putting = (ClientRequestToken: string, VersionStages?: string[]) =>
      world.client.send(
        new PutSecretValueCommand({ SecretId: "one", SecretString: "w", ClientRequestToken, VersionStages }),
      );
    for (const length of [31, 65])
      expect(await refusal(putting("t".repeat(length)))).toBe(
        "InvalidParameterException: ClientRequestToken must be 32-64 characters long.",
      );
    const token = "t".repeat(32);
    const many = Array.from({ length: 21 }, (_, index) => `label${index}`);
    for (const wrong of [[], many, [""], ["l".repeat(257)]])
      expect(await refusal(putting(token, wrong))).toMatch(/^ValidationException/);
    await putting(token, ["l".repeat(256)]);
  });
});

describe("UpdateSecretVersionStage", () => {
  it("moves AWSCURRENT from the version that it is said to be on, and AWSPREVIOUS after it", async () => {
    await using world = await started();
    await put(world, 2, "v2", ["next"]);
    await move(world, "AWSCURRENT", 2, 1);
    expect(labels(world)).toEqual({
      AWSCURRENT: versionId(2),
      AWSPREVIOUS: versionId(1),
      next: versionId(2),
    });
    await move(world, "AWSCURRENT", 1, 2);
    expect(labels(world)).toMatchObject({ AWSCURRENT: versionId(1), AWSPREVIOUS: versionId(2) });
  });

  it("changes nothing when the label is elsewhere than said, or nothing is said", async () => {
    await using world = await started();
    await put(world, 2, "v2", ["next"]);
    await put(world, 3, "v3", ["other"]);
    const before = world.aws.secret("one");
    expect(await refusal(move(world, "AWSCURRENT", 2))).toBe(
      `InvalidParameterException: The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to version ${versionId(1)}, so you must explicitly reference that version in RemoveFromVersionId.`,
    );
    expect(await refusal(move(world, "AWSCURRENT", 2, 3))).toMatch(/^InvalidParameterException/);
    expect(await refusal(move(world, "AWSCURRENT", 2, 9))).toMatch(/^InvalidParameterException/);
    expect(await refusal(move(world, "next", 3))).toMatch(/^InvalidParameterException/);
    expect(await refusal(move(world, "fresh", 3, 2))).toMatch(/^InvalidParameterException/);
    expect(await refusal(move(world, "next"))).toMatch(/^InvalidParameterException/);
    expect(world.aws.secret("one")).toEqual(before);
  });

  it("changes nothing when the version to move to is missing", async () => {
    await using world = await started();
    const before = world.aws.secret("one");
    expect(await refusal(move(world, "AWSCURRENT", 9, 1))).toMatch(/^ResourceNotFoundException/);
    expect(world.aws.secret("one")).toEqual(before);
  });

  it("attaches a label that nobody has, and leaves one where it is", async () => {
    await using world = await started();
    await move(world, "fresh", 1);
    await move(world, "fresh", 1);
    await move(world, "AWSCURRENT", 1, 1);
    expect(labels(world)).toEqual({ AWSCURRENT: versionId(1), fresh: versionId(1) });
  });

  it("removes a label from the version that has it, but never AWSCURRENT", async () => {
    await using world = await started();
    await put(world, 2, "v2", ["next"]);
    expect(await refusal(move(world, "next", undefined, 1))).toMatch(/^InvalidParameterException/);
    await move(world, "next", undefined, 2);
    expect(labels(world)).toEqual({ AWSCURRENT: versionId(1) });
    expect(await refusal(move(world, "AWSCURRENT", undefined, 1))).toMatch(
      /^InvalidParameterException: You can only move staging label AWSCURRENT/,
    );
  });

  it("moves one of many that name the same base", async () => {
    await using world = await started();
    const numbers = Array.from({ length: 16 }, (_, index) => index + 2);
    for (const number of numbers) await put(world, number, `v${number}`, [`next${number}`]);
    const moves = await Promise.all(numbers.map((number) => refusal(move(world, "AWSCURRENT", number, 1))));
    expect(moves.filter((outcome) => outcome === "no refusal")).toHaveLength(1);
    expect(moves.filter((outcome) => outcome.startsWith("InvalidParameterException"))).toHaveLength(15);
  });
});

describe("GetSecretValue", () => {
  it("reads by version, by label, by both where they agree, and AWSCURRENT else", async () => {
    let now = 1_800_000_000;
    await using world = await started(() => now);
    now += 60;
    await put(world, 2, "v2");
    const read = (which: { VersionId?: string; VersionStage?: string }) =>
      world.client.send(new GetSecretValueCommand({ SecretId: "one", ...which }));
    expect(await read({})).toMatchObject({ SecretString: "v2", CreatedDate: new Date(now * 1000) });
    expect((await read({ VersionStage: "AWSPREVIOUS" })).SecretString).toBe("v1");
    expect((await read({ VersionId: versionId(1) })).SecretString).toBe("v1");
    expect((await read({ VersionId: versionId(1), VersionStage: "AWSPREVIOUS" })).VersionId).toBe(
      versionId(1),
    );
    expect(await refusal(read({ VersionId: versionId(1), VersionStage: "AWSCURRENT" }))).toBe(
      "InvalidRequestException: You provided a VersionStage that is not associated to the provided VersionId.",
    );
    expect(await refusal(read({ VersionId: versionId(9) }))).toBe(
      `ResourceNotFoundException: Secrets Manager can't find the specified secret value for VersionId: ${versionId(9)}`,
    );
    expect(await refusal(read({ VersionStage: "none" }))).toMatch(/^ResourceNotFoundException.*: none$/);
  });

  it("is noted to the day, and is no change", async () => {
    const noon = 1_800_000_000;
    let now = noon;
    await using world = await started(() => now);
    const describing = () => world.client.send(new DescribeSecretCommand({ SecretId: "one" }));
    expect((await describing()).LastAccessedDate).toBeUndefined();
    now += 100;
    await world.client.send(new GetSecretValueCommand({ SecretId: "one" }));
    const { LastAccessedDate, LastChangedDate } = await describing();
    expect(LastAccessedDate).toEqual(new Date(Math.floor(noon / DAY) * DAY * 1000));
    expect(LastChangedDate).toEqual(new Date(noon * 1000));
  });
});

describe("a version without labels", () => {
  it("is not described, is listed on demand, and is still read by its id", async () => {
    await using world = await started();
    await put(world, 2, "v2");
    await put(world, 3, "v3");
    const described = await world.client.send(new DescribeSecretCommand({ SecretId: "one" }));
    expect(Object.keys(described.VersionIdsToStages ?? {})).toEqual([versionId(2), versionId(3)]);
    const listed = async (IncludeDeprecated: boolean) => {
      const answer = await world.client.send(
        new ListSecretVersionIdsCommand({ SecretId: "one", IncludeDeprecated }),
      );
      return answer.Versions?.map(({ VersionId }) => VersionId);
    };
    expect(await listed(false)).toEqual([versionId(2), versionId(3)]);
    expect(await listed(true)).toEqual([versionId(1), versionId(2), versionId(3)]);
    const read = new GetSecretValueCommand({ SecretId: "one", VersionId: versionId(1) });
    expect(await world.client.send(read)).toMatchObject({ SecretString: "v1" });
    expect((await world.client.send(read)).VersionStages).toBeUndefined();
  });

  it("is listed page by page", async () => {
    await using world = await started();
    await put(world, 2, "v2");
    await put(world, 3, "v3");
    const page = (NextToken?: string) =>
      world.client.send(
        new ListSecretVersionIdsCommand({
          SecretId: "one",
          IncludeDeprecated: true,
          MaxResults: 2,
          NextToken,
        }),
      );
    const first = await page();
    expect(first.Versions).toHaveLength(2);
    expect((await page(first.NextToken)).Versions?.map(({ VersionId }) => VersionId)).toEqual([versionId(3)]);
    const none = new ListSecretVersionIdsCommand({ SecretId: "one", MaxResults: 0 });
    expect(await refusal(world.client.send(none))).toMatch(/^ValidationException/);
    expect(await refusal(page("nonsense"))).toMatch(/^InvalidNextTokenException/);
  });
});

it("any modification moves LastChangedDate", async () => {
  let now = 1_800_000_000;
  await using world = await started(() => now);
  const changed = async () =>
    (await world.client.send(new DescribeSecretCommand({ SecretId: "one" }))).LastChangedDate?.getTime();
  now += 10;
  await put(world, 2, "v2", ["next"]);
  expect(await changed()).toBe(now * 1000);
  now += 10;
  await move(world, "AWSCURRENT", 2, 1);
  expect(await changed()).toBe(now * 1000);
  now += 10;
  world.aws.touch("one");
  expect(await changed()).toBe(now * 1000);
});
