/** What people are told of a KEK that cannot be had. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { kmsKek } from "../../src/kek/kms.ts";
import { secretKek } from "../../src/kek/secrets-manager.ts";
import { KEK } from "../manager/fleet.ts";
import { onAws } from "../store/secrets-manager/bench.ts";
import { createByHand, kekIn, kmsKekOf, placeWith, told } from "./keks.ts";

const bench = onAws();
const FOR_EVER = { times: 1000 };
const RING = { ring: "ring", schema: "1" } as const;
const random = () => 0;
const as = (name: string, ...allowed: string[]) => ({ credentials: bench.aws.principal(name, allowed) });
const unreachable = { endpoint: "http://127.0.0.1:1" };

/** A wrapped KEK, and the key that has wrapped it. */
async function wrappedKek() {
  const key = bench.aws.makeKey();
  const wrapped = placeWith(null);
  await kmsKekOf(bench, { keyId: key.arn, wrapped }).create?.();
  return { key, wrapped, keyId: key.arn };
}

/** Both ways to be refused: to read a KEK that is there, and to make one. */
async function toldByKms(options: Partial<Parameters<typeof kmsKekOf>[1]> = {}) {
  const { wrapped, keyId } = await wrappedKek();
  const reading = kmsKekOf(bench, { keyId, wrapped, ...options });
  const making = kmsKekOf(bench, { keyId, wrapped: placeWith(null), ...options });
  return [await told(reading.read()), await told(making.create?.())];
}

describe("of a KEK in a secret is told", () => {
  it("that GetSecretValue is not allowed", async () => {
    createByHand(bench, { SecretString: KEK });
    const source = kekIn(bench, as("nobody"));
    for (const work of [() => source.read(), () => source.create?.()])
      expect(await told(work(), KEK)).toEqual({
        code: "store_permission",
        text: expect.stringContaining(`lack secretsmanager:GetSecretValue on ${bench.secretId}`),
      });
  });

  it.each(["PutSecretValue", "CreateSecret"])("that %s is not allowed", async (action) => {
    const allowed = { PutSecretValue: ["CreateSecret"], CreateSecret: [] }[action] ?? [];
    if (action === "PutSecretValue") createByHand(bench);
    const actions = ["GetSecretValue", ...allowed].map((each) => `secretsmanager:${each}`);
    const source = kekIn(bench, as(`no ${action}`, ...actions));
    expect(await told(source.create?.())).toEqual({
      code: "store_permission",
      text: expect.stringContaining(`lack secretsmanager:${action} on`),
    });
  });

  it("that its KMS key may not be used, or is disabled", async () => {
    const { arn, keyId } = bench.aws.makeKey();
    createByHand(bench, { SecretString: KEK, KmsKeyId: arn });
    expect(await told(kekIn(bench, as("no kms", "secretsmanager:*")).read(), KEK)).toEqual({
      code: "store_permission",
      text: expect.stringMatching(/may not use the KMS key of the secret.*kms:Decrypt/),
    });
    bench.aws.setKeyState(keyId, "Disabled");
    expect(await told(kekIn(bench).read(), KEK)).toEqual({
      code: "store_unavailable",
      text: expect.stringMatching(/is disabled.*describe-key`/),
    });
  });

  it("that credentials cannot be had, and never that there is no KEK", async () => {
    createByHand(bench, { SecretString: KEK });
    const thrown = Object.assign(new Error("Identity not found"), {
      name: "ResourceNotFoundException",
      $fault: "client",
      $metadata: { httpStatusCode: 400 },
    });
    const source = kekIn(bench, { credentials: () => Promise.reject(thrown) });
    for (const work of [() => source.read(), () => source.create?.()])
      expect(await told(work(), KEK)).toEqual({
        code: "store_unavailable",
        text: expect.stringContaining("cannot be had: ResourceNotFoundException"),
      });
  });

  it("that it is scheduled for deletion", async () => {
    createByHand(bench, { SecretString: KEK });
    bench.aws.arrange("DeleteSecret", { SecretId: bench.secretId, RecoveryWindowInDays: 10 });
    expect(await told(kekIn(bench).read(), KEK)).toEqual({
      code: "store_unavailable",
      text: expect.stringMatching(/scheduled for deletion.*restore-secret/),
    });
  });

  it.each([
    ["throttled", /AWS Secrets Manager is asked too often/],
    ["internal", /InternalServiceError, 500/],
    ["garbled", /what came cannot be read, 200/],
  ] as const)("that every answer is %s", async (fault, text) => {
    createByHand(bench, { SecretString: KEK });
    bench.aws.fault("GetSecretValue", fault, FOR_EVER);
    expect(await told(kekIn(bench).read(), KEK)).toEqual({
      code: "store_unavailable",
      text: expect.stringMatching(text),
    });
  });

  it("that the secret or the endpoint is named as it cannot be", async () => {
    for (const options of [
      { secretId: "a b" },
      { secretId: "arn:aws:s3:::x" },
      { endpoint: "http://x.example" },
    ])
      expect(() => kekIn(bench, options)).toThrow(expect.objectContaining({ code: "config_invalid" }));
  });
});

describe("of a KEK that KMS has wrapped is told", () => {
  it("which permission is missing, on which key", async () => {
    const { wrapped, keyId } = await wrappedKek();
    const reading = kmsKekOf(bench, { keyId, wrapped, ...as("nobody") });
    const making = kmsKekOf(bench, { keyId, wrapped: placeWith(null), ...as("nobody") });
    for (const [work, action] of [
      [() => reading.read(), "kms:Decrypt"],
      [() => making.create?.(), "kms:GenerateDataKey"],
    ] as const)
      expect(await told(work())).toEqual({
        code: "store_permission",
        text: expect.stringMatching(new RegExp(`lack ${action} on ${keyId}.*Allow ${action}`)),
      });
  });

  it("that the key is disabled or goes", async () => {
    for (const state of ["Disabled", "PendingDeletion"] as const) {
      const { key, wrapped, keyId } = await wrappedKek();
      bench.aws.setKeyState(key.keyId, state);
      expect(await told(kmsKekOf(bench, { keyId, wrapped }).read())).toEqual({
        code: "store_unavailable",
        text: expect.stringContaining(`The KMS key ${keyId} cannot be used`),
      });
    }
  });

  it("that there is no such key", async () => {
    for (const keyId of ["alias/none", "1234abcd-12ab-34cd-56ef-1234567890ab"])
      for (const { code, text } of await toldByKms({ keyId }))
        expect(`${code}: ${text}`).toContain(`store_unavailable: There is no KMS key ${keyId}`);
  });

  it("that another key has wrapped it", async () => {
    const { wrapped } = await wrappedKek();
    const { arn: keyId } = bench.aws.makeKey();
    expect(await told(kmsKekOf(bench, { keyId, wrapped }).read())).toEqual({
      code: "kek_invalid",
      text: expect.stringContaining(`by another KMS key than ${keyId}`),
    });
  });

  it("that it is the wrong region", async () => {
    const key = bench.aws.makeKey("alias/here");
    for (const { code, text } of await toldByKms({ keyId: key.keyId, region: "eu-west-1" }))
      expect(`${code}: ${text}`).toMatch(/store_unavailable: .*of another region/);
    const keyId = key.arn;
    const wrong = () => kmsKekOf(bench, { keyId, wrapped: placeWith(null), region: "eu-west-1" });
    expect(wrong).toThrow(expect.objectContaining({ code: "config_invalid" }));
  });

  it("that KMS puts it off, cannot be reached, or cannot be understood", async () => {
    for (const { text } of await toldByKms(unreachable)) expect(text).toContain("AWS KMS cannot be reached");
    const { wrapped, keyId } = await wrappedKek();
    for (const [fault, text] of [
      ["throttled", /AWS KMS is asked too often/],
      ["unavailable", /AWS KMS does not answer Decrypt as it should/],
      ["garbled", /what came cannot be read, 200/],
    ] as const) {
      bench.aws.clearFaults();
      bench.aws.fault("Decrypt", fault, FOR_EVER);
      const { code, text: said } = await told(kmsKekOf(bench, { keyId, wrapped }).read());
      expect(`${code}: ${said}`).toMatch(text);
      expect(code).toBe("store_unavailable");
    }
  });

  it("that AWS does not know the credentials, or that they have expired", async () => {
    const unknown = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "x" };
    for (const { text } of await toldByKms({ credentials: unknown })) expect(text).toContain("does not know");
    const expired = as("expired", "*");
    bench.aws.expire("expired");
    for (const { text } of await toldByKms(expired)) expect(text).toContain("have expired");
  });

  it("that the key is named as it cannot be", () => {
    for (const keyId of ["", "a b", "arn:aws:kms:us-east-1:123456789012:secret/x", "alias/"])
      expect(() => kmsKekOf(bench, { keyId, wrapped: placeWith(null) }), keyId).toThrow(
        expect.objectContaining({ code: "config_invalid" }),
      );
  });
});

describe("where the SDK has to find it out itself, is told", () => {
  beforeEach(() => {
    for (const name of ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"])
      vi.stubEnv(name, undefined);
    vi.stubEnv("AWS_CONFIG_FILE", "/nowhere");
    vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere");
    vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
  });
  afterEach(() => void vi.unstubAllEnvs());

  it("that there are no credentials", async () => {
    const { wrapped, keyId } = await wrappedKek();
    const at = { endpoint: bench.aws.endpoint, region: "us-east-1", random };
    for (const source of [
      secretKek({ secretId: "kek", ...at }),
      kmsKek({ keyId, wrapped, context: RING, ...at }),
    ])
      expect(await told(source.read())).toEqual({
        code: "store_permission",
        text: expect.stringContaining("no AWS credentials"),
      });
  });

  it("that there is no region", async () => {
    const { wrapped } = await wrappedKek();
    const credentials = bench.aws.principal("node");
    const keyId = "alias/kek";
    expect(await told(secretKek({ secretId: "kek", credentials, random }).read())).toEqual({
      code: "config_invalid",
      text: expect.stringMatching(/No AWS region.*name the secret by its ARN/),
    });
    expect(await told(kmsKek({ keyId, wrapped, context: RING, credentials, random }).read())).toEqual({
      code: "config_invalid",
      text: expect.stringMatching(/No AWS region.*name the key by its ARN/),
    });
  });
});
