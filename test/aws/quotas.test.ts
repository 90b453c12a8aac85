import { describe, expect, it } from "vitest";
import { labels, move, put, started } from "./one-secret.ts";
import { refusal, versionId } from "./opened.ts";

const DAY = 86_400;

describe("quotas", () => {
  it("refuse a 101st version while all are younger than a day, and keep what is there", async () => {
    let now = 1_800_000_000;
    await using world = await started(() => now);
    for (let number = 2; number <= 100; number++) await put(world, number, "v");
    expect(await refusal(put(world, 101, "v"))).toMatch(/^LimitExceededException/);
    expect(labels(world)?.["AWSCURRENT"]).toBe(versionId(100));
    now += DAY;
    await put(world, 101, "v");
    const ids = world.aws.secret("one")?.versions.map((version) => version.versionId);
    expect(ids).toHaveLength(100);
    expect(ids).not.toContain(versionId(1));
    expect(ids).toContain(versionId(2));
  });

  it("never remove a version that has a label", async () => {
    let now = 1_800_000_000;
    await using world = await started(() => now);
    await move(world, "kept", 1);
    now += DAY;
    for (let number = 2; number <= 100; number++) await put(world, number, "v");
    now += DAY;
    await put(world, 101, "v");
    const ids = world.aws.secret("one")?.versions.map((version) => version.versionId);
    expect(ids).toContain(versionId(1));
    expect(ids).not.toContain(versionId(2));
  });

  it("allow 20 labels on all versions together", async () => {
    await using world = await started();
    for (let number = 1; number <= 19; number++) await move(world, `label${number}`, 1);
    expect(await refusal(move(world, "label20", 1))).toMatch(/^LimitExceededException/);
    expect(await refusal(put(world, 2, "v2"))).toMatch(/^LimitExceededException/);
    expect(Object.keys(labels(world) ?? {})).toHaveLength(20);
  });
});
