/** Commits that someone overtakes between two of their calls. */
import { describe, expect, it } from "vitest";
import { successorId } from "../../../src/store/secrets-manager/tokens.ts";
import { onAws } from "./bench.ts";
import { outcomeOf } from "./outcomes.ts";

const bench = onAws();

/** A ring, and what another node does to follow it. */
async function ringAndRival() {
  const base = await bench.open().replace("the ring", null);
  const SecretId = bench.secretId;
  const successor = await successorId(bench.aws.secret(SecretId)?.arn ?? "", base, 0);
  const put = () =>
    bench.aws.arrange("PutSecretValue", {
      SecretId,
      ClientRequestToken: successor,
      SecretString: "the rival's",
      VersionStages: ["keyturn_next"],
    });
  const move = () =>
    bench.aws.arrange("UpdateSecretVersionStage", {
      SecretId,
      VersionStage: "AWSCURRENT",
      MoveToVersionId: successor,
      RemoveFromVersionId: base,
    });
  return { base, put, move };
}

it("after the first look: loses, judges nobody and leaves nothing behind", async () => {
  const { base, put, move } = await ringAndRival();
  const crash = () => {
    put();
    move();
  };
  bench.aws.fault("DescribeSecret", { crash });
  const store = bench.open();
  store.judgeBy?.(async () => false);
  expect(await outcomeOf(store.replace("ours", base))).toBe("conflict");
  expect((await bench.open().load())?.document).toBe("the rival's");
  expect(bench.aws.secret(bench.secretId)?.versions).toHaveLength(2);
});

it("while its put is lost: is not taken for the rival whose put arrived", async () => {
  const { base, put } = await ringAndRival();
  bench.aws.fault("PutSecretValue", { crash: put, before: true });
  expect(await outcomeOf(bench.open().replace("ours", base))).toBe("conflict");
  expect((await bench.open().load())?.document).toBe("the rival's");
});

it("while its creation is lost: is not taken for the rival whose secret it is", async () => {
  const crash = () =>
    bench.aws.arrange("CreateSecret", {
      Name: bench.secretId,
      ClientRequestToken: "t".repeat(32),
      SecretString: "the rival's",
    });
  bench.aws.fault("CreateSecret", { crash, before: true });
  expect(await outcomeOf(bench.open().replace("ours", null))).toMatch(/conflict|commit_unknown/);
  expect((await bench.open().load())?.document).toBe("the rival's");
});

it("by a secret without a value while it creates one: commits in that", async () => {
  const crash = () =>
    bench.aws.arrange("CreateSecret", { Name: bench.secretId, ClientRequestToken: "t".repeat(32) });
  bench.aws.fault("DescribeSecret", { crash });
  expect(await outcomeOf(bench.open().replace("ours", null))).toBe("committed");
  expect((await bench.open().load())?.document).toBe("ours");
});

describe("by a person who stores another value before the label is moved", () => {
  const byHand = "by-hand-".repeat(5);

  async function overtaken(): Promise<string> {
    const { base } = await ringAndRival();
    const crash = () =>
      bench.aws.arrange("PutSecretValue", {
        SecretId: bench.secretId,
        ClientRequestToken: byHand,
        SecretString: "by hand",
      });
    bench.aws.fault("PutSecretValue", { crash });
    expect(await outcomeOf(bench.open().replace("ours", base))).toBe("commit_unknown");
    return base;
  }

  it("is in doubt, and the next commit follows that value", async () => {
    await overtaken();
    const found = await bench.open().load();
    expect(found?.document).toBe("by hand");
    await bench.open().replace("next", found?.revision ?? null);
  });

  it("becomes the ring once the person takes it back, which is why it was in doubt", async () => {
    const base = await overtaken();
    bench.aws.arrange("UpdateSecretVersionStage", {
      SecretId: bench.secretId,
      VersionStage: "AWSCURRENT",
      MoveToVersionId: base,
      RemoveFromVersionId: byHand,
    });
    expect(await outcomeOf(bench.open().replace("something else", base))).toBe("conflict");
    expect((await bench.open().load())?.document).toBe("ours");
  });
});

it("by a node that passed its successor over and made another: has lost, for certain", async () => {
  const { base } = await ringAndRival();
  const arn = bench.aws.secret(bench.secretId)?.arn ?? "";
  const second = await successorId(arn, base, 1);
  const crash = () => {
    bench.aws.arrange("PutSecretValue", {
      SecretId: bench.secretId,
      ClientRequestToken: second,
      SecretString: "the rival's",
      VersionStages: ["keyturn_next"],
    });
    bench.aws.arrange("UpdateSecretVersionStage", {
      SecretId: bench.secretId,
      VersionStage: "AWSCURRENT",
      MoveToVersionId: second,
      RemoveFromVersionId: base,
    });
  };
  bench.aws.fault("PutSecretValue", { crash });
  expect(await outcomeOf(bench.open().replace("ours", base))).toBe("conflict");
  expect((await bench.open().load())?.document).toBe("the rival's");
});
