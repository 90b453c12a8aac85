import { describe, expect, it } from "vitest";
import { secretKek } from "../../src/kek/secrets-manager.ts";
import { parseKek } from "../../src/keys/kek.ts";
import { KEK, OTHER_KEK } from "../manager/fleet.ts";
import { onAws } from "../store/secrets-manager/bench.ts";
import { createByHand, kekIn, putByHand, told } from "./keks.ts";

const bench = onAws();
const NODES = 8;
const READS = ["secretsmanager:GetSecretValue"];
const as = (name: string, allowed: string[]) => ({ credentials: bench.aws.principal(name, allowed) });

describe("a KEK in a secret", () => {
  it("is AWSCURRENT, white space around it ignored", async () => {
    createByHand(bench, { SecretString: `  ${KEK}\r\n` });
    expect(await kekIn(bench).read()).toEqual({ kek: KEK, previousKek: null });
  });

  it("comes with the one before it, which is AWSPREVIOUS", async () => {
    createByHand(bench, { SecretString: OTHER_KEK });
    putByHand(bench, { SecretString: `${KEK}\n` });
    expect(await kekIn(bench).read()).toEqual({ kek: KEK, previousKek: OTHER_KEK });
  });

  it("is none where there is no secret, or one without a value", async () => {
    expect(await kekIn(bench).read()).toBeNull();
    createByHand(bench);
    expect(await kekIn(bench).read()).toBeNull();
  });

  it("is found by the ARN of the secret, in the region that stands there", async () => {
    createByHand(bench, { SecretString: KEK });
    const secretId = bench.aws.secret(bench.secretId)?.arn ?? "";
    const { endpoint } = bench.aws;
    const source = secretKek({ secretId, endpoint, ...as("by arn", READS) });
    expect((await source.read())?.kek).toBe(KEK);
  });

  it("takes no permission but GetSecretValue to read", async () => {
    createByHand(bench, { SecretString: OTHER_KEK });
    putByHand(bench, { SecretString: KEK });
    expect((await kekIn(bench, as("reader", READS)).read())?.previousKek).toBe(OTHER_KEK);
    expect(new Set(bench.asked())).toEqual(new Set(["GetSecretValue"]));
  });

  it("is read anew when it is changed between the two calls of a look", async () => {
    createByHand(bench, { SecretString: OTHER_KEK });
    const crash = () => putByHand(bench, { SecretString: KEK });
    bench.aws.fault("GetSecretValue", { crash });
    expect(await kekIn(bench).read()).toEqual({ kek: KEK, previousKek: OTHER_KEK });
  });

  it("is not hindered by what never was a KEK and stood there before", async () => {
    createByHand(bench, { SecretString: "changeme" });
    putByHand(bench, { SecretString: KEK });
    expect(await kekIn(bench).read()).toEqual({ kek: KEK, previousKek: null });
  });

  it("is handed on as it is when it is no KEK, for who opens the ring to refuse", async () => {
    createByHand(bench, { SecretString: "changeme" });
    const { kek } = (await kekIn(bench).read()) ?? { kek: "" };
    expect(await told(parseKek(kek), "changeme")).toMatchObject({ code: "kek_invalid" });
  });

  it("is not in bytes", async () => {
    createByHand(bench);
    putByHand(bench, { SecretBinary: btoa(KEK) });
    expect(await told(kekIn(bench).read(), KEK, btoa(KEK))).toEqual({
      code: "kek_invalid",
      text: expect.stringMatching(/holds bytes and no text.*SecretString/),
    });
  });

  it("is asked for again when the service is busy", async () => {
    createByHand(bench, { SecretString: KEK });
    bench.aws.fault("GetSecretValue", "throttled", { times: 2 });
    expect((await kekIn(bench).read())?.kek).toBe(KEK);
  });
});

describe("a KEK that is made in a secret", () => {
  it("makes the secret, and is there once", async () => {
    const source = kekIn(bench);
    expect(await source.create?.()).toBe(true);
    const texts = await source.read();
    expect(texts?.kek).toMatch(/^[\w-]{43}$/);
    expect(await kekIn(bench).create?.()).toBe(false);
    expect(await source.read()).toEqual(texts);
    expect(bench.aws.secret(bench.secretId)?.versions).toHaveLength(1);
  });

  it("is the first value of a secret without one, for which PutSecretValue suffices", async () => {
    createByHand(bench);
    const source = kekIn(bench, as("no create", [...READS, "secretsmanager:PutSecretValue"]));
    expect(await source.create?.()).toBe(true);
    expect((await source.read())?.kek).toMatch(/^[\w-]{43}$/);
  });

  it("needs no PutSecretValue where the secret is to be made", async () => {
    const source = kekIn(bench, as("no put", [...READS, "secretsmanager:CreateSecret"]));
    expect(await source.create?.()).toBe(true);
  });

  it.each(["nothing", "an empty secret"])(
    "is made by one alone of many who try at once on %s",
    async (on) => {
      if (on === "an empty secret") createByHand(bench);
      const sources = Array.from({ length: NODES }, () => kekIn(bench));
      const made = await Promise.all(sources.map((source) => source.create?.()));
      expect(made.filter((own) => own)).toHaveLength(1);
      const texts = await Promise.all(sources.map((source) => source.read()));
      expect(new Set(texts.map((each) => each?.kek)).size).toBe(1);
      expect(texts[0]?.kek).toMatch(/^[\w-]{43}$/);
      expect(bench.aws.secret(bench.secretId)?.versions).toHaveLength(1);
    },
  );

  it("is made by one alone where one names the secret and another its ARN, though reads lag behind", async () => {
    createByHand(bench);
    const secretId = bench.aws.secret(bench.secretId)?.arn ?? "";
    expect(await kekIn(bench, { secretId }).create?.()).toBe(true);
    bench.aws.staleReads(1);
    bench.aws.fault("PutSecretValue", { crash: () => bench.aws.staleReads(0) });
    expect(await kekIn(bench).create?.()).toBe(false);
    expect(bench.aws.secret(bench.secretId)?.versions).toHaveLength(1);
  });

  it("is found by who lost the race and may not put another", async () => {
    const crash = () => createByHand(bench, { SecretString: KEK });
    bench.aws.fault("CreateSecret", { crash, before: true });
    const source = kekIn(bench, as("no put", [...READS, "secretsmanager:CreateSecret"]));
    expect(await source.create?.()).toBe(false);
  });

  it("never takes the place of one that someone puts there in the same moment", async () => {
    createByHand(bench);
    const crash = () => putByHand(bench, { SecretString: KEK });
    bench.aws.fault("PutSecretValue", { crash, before: true });
    expect(await kekIn(bench).create?.()).toBe(false);
    expect((await kekIn(bench).read())?.kek).toBe(KEK);
  });

  it.each(["lost_answer", "internal_after", "garbled", "lost_request", "arrives_late"] as const)(
    "is made once when the call is met by %s",
    async (fault) => {
      bench.aws.fault("CreateSecret", fault);
      expect(await kekIn(bench).create?.()).toBe(true);
      bench.aws.releaseLate();
      expect(bench.aws.secret(bench.secretId)?.versions).toHaveLength(1);
    },
  );

  it("is found by who lost the race, though reads lag behind", async () => {
    createByHand(bench, { SecretString: KEK });
    bench.aws.staleReads(1);
    bench.aws.fault("PutSecretValue", { crash: () => bench.aws.staleReads(0) });
    expect(await kekIn(bench).create?.()).toBe(false);
    expect(await kekIn(bench).read()).toEqual({ kek: KEK, previousKek: null });
  });

  it("is not made where an ARN names no secret", async () => {
    const secretId = "arn:aws:secretsmanager:us-east-1:123456789012:secret:kek-AbCdEf";
    expect(await told(kekIn(bench, { secretId }).create?.())).toMatchObject({
      code: "store_unavailable",
      text: expect.stringContaining("an ARN cannot be chosen"),
    });
  });
});
