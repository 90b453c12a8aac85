/** What people are told. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { isKeyturnError } from "../../../src/errors.ts";
import {
  type SecretsManagerStoreOptions,
  secretsManagerStore,
} from "../../../src/store/secrets-manager/index.ts";
import { onAws } from "./bench.ts";
import { errorOf } from "./stores.ts";

const bench = onAws();
const EVERYTHING = "secretsmanager:*";
const FOR_EVER = { times: 1000 };
const DOCUMENT = "the document of the ring";

/** The secret of this test with a ring in it, under a KMS key of its own. */
async function ringUnder(key: { readonly arn: string }): Promise<string> {
  const input = { Name: bench.secretId, ClientRequestToken: "t".repeat(32), KmsKeyId: key.arn };
  bench.aws.arrange("CreateSecret", input);
  return bench.open().replace(DOCUMENT, null);
}

async function told(work: Promise<unknown>): Promise<{ code: string; text: string }> {
  const error = await errorOf(work);
  if (!isKeyturnError(error)) throw error;
  const text = `${error.message} ${error.fix}`;
  // Whatever else it says, and whatever hangs on it.
  expect(`${text} ${JSON.stringify(error.cause) ?? ""} ${String(error.cause ?? "")}`).not.toContain(DOCUMENT);
  return { code: error.code, text };
}

function lacking(action: string): Partial<SecretsManagerStoreOptions> {
  const others = [
    "DescribeSecret",
    "GetSecretValue",
    "PutSecretValue",
    "UpdateSecretVersionStage",
    "CreateSecret",
  ];
  const allowed = others.filter((other) => other !== action).map((other) => `secretsmanager:${other}`);
  return { credentials: bench.aws.principal(`all but ${action}`, allowed) };
}

describe("a missing permission is named, with the secret:", () => {
  it.each(["DescribeSecret", "GetSecretValue"])("%s", async (action) => {
    await bench.open().replace(DOCUMENT, null);
    const { code, text } = await told(bench.open(lacking(action)).load());
    expect(code).toBe("store_permission");
    expect(text).toContain(`secretsmanager:${action} on ${bench.secretId}`);
  });

  it("PutSecretValue", async () => {
    const revision = await bench.open().replace(DOCUMENT, null);
    const { code, text } = await told(bench.open(lacking("PutSecretValue")).replace("next", revision));
    expect(code).toBe("store_permission");
    expect(text).toContain(`secretsmanager:PutSecretValue on ${bench.aws.secret(bench.secretId)?.arn}`);
  });

  it("CreateSecret", async () => {
    const { code, text } = await told(bench.open(lacking("CreateSecret")).replace(DOCUMENT, null));
    expect(code).toBe("store_permission");
    expect(text).toContain(`secretsmanager:CreateSecret on ${bench.secretId}`);
  });

  it("UpdateSecretVersionStage, after which another may finish the commit", async () => {
    const revision = await bench.open().replace(DOCUMENT, null);
    const store = bench.open(lacking("UpdateSecretVersionStage"));
    bench.forget();
    const first = await told(store.replace("next", revision));
    expect(first.code).toBe("commit_unknown");
    expect(first.text).toContain("lack secretsmanager:UpdateSecretVersionStage");
    // It would be refused again, so it is not asked for again.
    expect(bench.asked().filter((operation) => operation === "UpdateSecretVersionStage")).toHaveLength(1);
    const second = await told(store.replace("another", revision));
    expect(second.code).toBe("store_permission");
    expect(second.text).toContain("lack secretsmanager:UpdateSecretVersionStage");
    await expect(bench.open().replace("another", revision)).rejects.toMatchObject({ code: "conflict" });
    expect((await bench.open().load())?.document).toBe("next");
  });
});

describe("of the KMS key is told", () => {
  it("that the credentials may not use it, to read", async () => {
    const key = bench.aws.makeKey();
    await ringUnder(key);
    const { code, text } = await told(
      bench.open({ credentials: bench.aws.principal("no kms", [EVERYTHING]) }).load(),
    );
    expect(code).toBe("store_permission");
    expect(text).toMatch(/kms:Decrypt.*kms:GenerateDataKey/);
    expect(text).toContain(key.arn);
  });

  it("that the credentials may not use it, to write", async () => {
    const key = bench.aws.makeKey();
    const revision = await ringUnder(key);
    const credentials = bench.aws.principal("kms to read", [EVERYTHING, "kms:Decrypt"]);
    const { code, text } = await told(bench.open({ credentials }).replace("next", revision));
    expect(code).toBe("store_permission");
    expect(text).toContain(key.arn);
  });

  it("that it is disabled", async () => {
    const key = bench.aws.makeKey();
    const revision = await ringUnder(key);
    bench.aws.setKeyState(key.keyId, "Disabled");
    for (const work of [bench.open().load(), bench.open().replace("next", revision)]) {
      const { code, text } = await told(work);
      expect(code).toBe("store_unavailable");
      expect(text).toContain(`${key.arn} is disabled`);
    }
  });
});

describe("of the credentials is told", () => {
  it("that AWS does not know them", async () => {
    const unknown = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "x" };
    const wrong = { ...bench.aws.principal("node"), secretAccessKey: "x" };
    for (const credentials of [unknown, wrong]) {
      expect(await told(bench.open({ credentials }).load())).toMatchObject({
        code: "store_permission",
        text: expect.stringContaining("does not know the credentials"),
      });
    }
  });

  it("that they have expired", async () => {
    const credentials = bench.aws.principal("expired");
    bench.aws.expire("expired");
    expect(await told(bench.open({ credentials }).load())).toMatchObject({
      code: "store_permission",
      text: expect.stringContaining("have expired"),
    });
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
  const random = () => 0;

  it("that there are no credentials", async () => {
    const { endpoint } = bench.aws;
    const store = secretsManagerStore({ secretId: "ring", region: "us-east-1", endpoint, random });
    for (const work of [store.load(), store.replace(DOCUMENT, null)])
      expect(await told(work)).toMatchObject({
        code: "store_permission",
        text: expect.stringContaining("no AWS credentials"),
      });
  });

  it("that there is no region", async () => {
    const credentials = bench.aws.principal("node");
    expect(await told(secretsManagerStore({ secretId: "ring", credentials, random }).load())).toMatchObject({
      code: "config_invalid",
      text: expect.stringMatching(/No AWS region.*AWS_REGION/),
    });
  });

  it("that the region is empty, for which nothing is sent and nothing is in doubt", async () => {
    vi.stubEnv("AWS_REGION", "");
    const options = { secretId: "ring", credentials: bench.aws.principal("node"), random };
    const store = secretsManagerStore({ ...options, endpoint: bench.aws.endpoint });
    for (const work of [store.load(), store.replace(DOCUMENT, null)])
      expect(await told(work)).toMatchObject({
        code: "config_invalid",
        text: expect.stringMatching(/No AWS region/),
      });
  });

  it("that credentials cannot be had, whatever their giver says, and never that there is no ring", async () => {
    const revision = await bench.open().replace(DOCUMENT, null);
    const thrown = Object.assign(new Error("Identity not found"), {
      name: "ResourceNotFoundException",
      $fault: "client",
      $metadata: { httpStatusCode: 400 },
    });
    const store = bench.open({ credentials: () => Promise.reject(thrown) });
    for (const work of [store.load(), store.replace("next", revision), store.replace("next", null)])
      expect(await told(work)).toMatchObject({
        code: "store_unavailable",
        text: expect.stringContaining("credentials for DescribeSecret cannot be had"),
      });
  });
});

describe("of the way to the service is told", () => {
  it("that it is the wrong region", async () => {
    expect(await told(bench.open({ region: "eu-west-1" }).load())).toMatchObject({
      code: "store_unavailable",
      text: expect.stringContaining("of another region"),
    });
  });

  it("that nobody answers there", async () => {
    const store = bench.open({ endpoint: "http://127.0.0.1:1" });
    for (const work of [store.load(), store.replace(DOCUMENT, null)])
      expect(await told(work)).toMatchObject({
        code: "store_unavailable",
        text: expect.stringContaining("cannot be reached (http://127.0.0.1:1): ECONNREFUSED"),
      });
  });

  it.each([
    ["throttled", /asked too often/],
    ["internal", /DescribeSecret as it should.*InternalServiceError, 500/],
    ["unavailable", /what came cannot be read, 503/],
    ["lost_request", /ECONNRESET/],
    ["garbled", /what came cannot be read, 200/],
  ] as const)("that every answer is %s", async (fault, text) => {
    await bench.open().replace(DOCUMENT, null);
    bench.aws.fault("DescribeSecret", fault, FOR_EVER);
    expect(await told(bench.open().load())).toEqual({
      code: "store_unavailable",
      text: expect.stringMatching(text),
    });
  });

  it("nothing of a document that came in half", async () => {
    await bench.open().replace(DOCUMENT, null);
    bench.aws.fault("GetSecretValue", "garbled", FOR_EVER);
    expect(await told(bench.open().load())).toMatchObject({ code: "store_unavailable" });
  });

  it("nothing of a clock that is off, which the SDK corrects by the service's", async () => {
    await bench.open().replace(DOCUMENT, null);
    bench.aws.skewClock(3600);
    expect((await bench.open().load())?.document).toBe(DOCUMENT);
  });
});

describe("of the secret is told", () => {
  it("that it is scheduled for deletion, and until when it can be restored", async () => {
    const revision = await bench.open().replace(DOCUMENT, null);
    bench.aws.arrange("DeleteSecret", { SecretId: bench.secretId, RecoveryWindowInDays: 10 });
    const date = new Date((bench.now + 10 * 86_400) * 1000).toISOString().slice(0, 10);
    for (const work of [
      bench.open().load(),
      bench.open().replace("next", revision),
      bench.open().replace("x", null),
    ])
      expect(await told(work)).toMatchObject({
        code: "store_unavailable",
        text: expect.stringMatching(new RegExp(`deletion \\(${date}\\).*restore-secret`)),
      });
  });

  it("that it is a replica, which can be read and not written", async () => {
    const revision = await bench.open().replace(DOCUMENT, null);
    bench.aws.makeReplica(bench.secretId, "eu-west-1");
    const store = bench.open({ region: "eu-west-1" });
    expect((await store.load())?.document).toBe(DOCUMENT);
    expect(await told(store.replace("next", revision))).toMatchObject({
      code: "store_permission",
      text: expect.stringContaining("primary region: us-east-1"),
    });
  });

  it("that nothing can be created under an ARN", async () => {
    const secretId = "arn:aws:secretsmanager:us-east-1:123456789012:secret:ring-AbCdEf";
    expect(await bench.open({ secretId }).load()).toBeNull();
    expect(await told(bench.open({ secretId }).replace(DOCUMENT, null))).toMatchObject({
      code: "store_unavailable",
      text: expect.stringContaining("an ARN cannot be chosen"),
    });
  });

  it("that it may have too many labels, where other tools have put them", async () => {
    const store = bench.open();
    const base = await store.replace(DOCUMENT, null);
    for (let i = 0; i < 19; i++)
      bench.aws.arrange("UpdateSecretVersionStage", {
        SecretId: bench.secretId,
        VersionStage: `other-${i}`,
        MoveToVersionId: base,
      });
    expect(await told(store.replace("next", base))).toMatchObject({
      code: "store_full",
      text: expect.stringMatching(/20 labels.*remove those/),
    });
  });

  it("that it has too many versions of one day", async () => {
    const store = bench.open();
    let revision: string | null = null;
    for (let commit = 0; commit < 100; commit++) revision = await store.replace(`${commit}`, revision);
    expect(await told(store.replace("one more", revision))).toMatchObject({
      code: "store_full",
      text: expect.stringMatching(/about 100 versions.*24 h.*20 labels.*wait until/),
    });
    expect((await store.load())?.document).toBe("99");
  });
});
