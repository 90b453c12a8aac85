/** The KEK of a node, from wherever its settings say. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createKek, kekSourceOf, readKeks } from "../../src/node/secrets.ts";
import { KEK, OTHER_KEK } from "../manager/fleet.ts";
import { configIn, newPlace, put } from "../node/place.ts";
import { onAws } from "../store/secrets-manager/bench.ts";
import { createByHand, kekIn, putByHand, told } from "./keks.ts";

const bench = onAws();
const THIRD_KEK = "pZ1Yv0mT3b8gXr5uQk7sJd2fWn4cLh6eAo9iKt_yBxM";

beforeEach(() => {
  const { accessKeyId, secretAccessKey } = bench.aws.principal("node");
  vi.stubEnv("AWS_ACCESS_KEY_ID", accessKeyId);
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", secretAccessKey);
  vi.stubEnv("AWS_SESSION_TOKEN", undefined);
  vi.stubEnv("AWS_PROFILE", undefined);
});
afterEach(() => void vi.unstubAllEnvs());

/** A node whose KEK lies in the file of this folder, unless its settings say otherwise. */
async function nodeWith(
  flags: Readonly<Record<string, string>> = {},
  files: Readonly<Record<string, string>> = {},
) {
  const folder = await newPlace(files);
  const { endpoint, region } = bench.aws;
  const aws = { awsEndpoint: endpoint, awsRegion: region, issuer: "https://auth.example.com" };
  return configIn(folder, { kekFile: join(folder, "kek"), ...aws, ...flags });
}

const inSecret = () => ({ kekSecretId: bench.secretId });

describe("the KEK of a node", () => {
  it("is that of the secret where one is named, rather than that of the file", async () => {
    createByHand(bench, { SecretString: OTHER_KEK });
    putByHand(bench, { SecretString: KEK });
    const config = await nodeWith(inSecret(), { kek: THIRD_KEK });
    expect(await readKeks(config, {})).toEqual({ kek: KEK, previousKek: OTHER_KEK });
  });

  it("is that of the environment rather than that of the secret, which is not asked", async () => {
    createByHand(bench, { SecretString: KEK });
    const environment: Record<string, string | undefined> = { KEYTURN_KEK: OTHER_KEK, PATH: "/bin" };
    const source = kekSourceOf(await nodeWith(inSecret(), { kek: THIRD_KEK }), environment);
    expect(await source.read()).toEqual({ kek: OTHER_KEK, previousKek: null });
    expect(environment).toEqual({ PATH: "/bin" });
    expect(await source.read()).toBeNull();
    expect(source.create).toBeUndefined();
    expect(source.description).toBe("KEYTURN_KEK");
    expect(bench.asked()).toEqual([]);
  });

  it("comes with the one before it from file or environment rather than from the secret", async () => {
    createByHand(bench, { SecretString: OTHER_KEK });
    putByHand(bench, { SecretString: KEK });
    const config = await nodeWith(inSecret());
    const environment = { KEYTURN_PREVIOUS_KEK: THIRD_KEK };
    expect((await readKeks(config, environment)).previousKek).toBe(THIRD_KEK);
    await put(config.kekFile, THIRD_KEK);
    const both = { ...config, previousKekFile: config.kekFile };
    expect(await readKeks(both, {})).toEqual({ kek: KEK, previousKek: THIRD_KEK });
  });

  it("is made in the secret, and who made it says so", async () => {
    const config = await nodeWith(inSecret());
    const environment = { KEYTURN_PREVIOUS_KEK: OTHER_KEK };
    expect(await createKek(config, environment)).toEqual([`AWS Secrets Manager secret ${bench.secretId}`]);
    expect(environment).toEqual({ KEYTURN_PREVIOUS_KEK: OTHER_KEK });
    expect(await createKek(config, {})).toEqual([]);
    expect((await readKeks(config, {})).kek).toBe((await kekIn(bench).read())?.kek);
  });

  it("is missed with the secret and the variable where it may be", async () => {
    expect(await told(readKeks(await nodeWith(inSecret()), {}))).toEqual({
      code: "kek_missing",
      text: expect.stringContaining(`secret ${bench.secretId} nor in KEYTURN_KEK`),
    });
  });
});

describe("where a KMS key is named", () => {
  const wrappedBy = () => ({ kmsKeyId: bench.aws.makeKey().arn });

  it("the KEK is wrapped in its file", async () => {
    const config = await nodeWith(wrappedBy());
    expect(await createKek(config, {})).toEqual([expect.stringContaining(config.kekFile)]);
    const text = await readFile(config.kekFile, "utf8");
    expect(text).toMatch(/^kms\.[\w-]+\n$/);
    const texts = await readKeks(config, {});
    expect(texts.kek).toMatch(/^[\w-]{43}$/);
    // As a container may have it.
    const given = await readKeks(await nodeWith({ kmsKeyId: config.kmsKeyId ?? "" }), { KEYTURN_KEK: text });
    expect(given).toEqual(texts);
    bench.forget();
    expect(await createKek(config, {})).toEqual([]);
    expect(bench.asked()).toEqual([]);
  });

  it("the KEK is wrapped in its secret", async () => {
    const config = await nodeWith({ ...wrappedBy(), ...inSecret() });
    expect(await createKek(config, {})).toHaveLength(1);
    expect((await kekIn(bench).read())?.kek).toMatch(/^kms\./);
    expect((await readKeks(config, {})).kek).toMatch(/^[\w-]{43}$/);
  });

  it("it may be in another region than the secret, which its ARN says", async () => {
    const config = await nodeWith({ ...wrappedBy(), ...inSecret() });
    await createKek(config, {});
    bench.aws.makeReplica(bench.secretId, "eu-west-1");
    expect(await readKeks({ ...config, awsRegion: "eu-west-1" }, {})).toEqual(await readKeks(config, {}));
  });

  it("the KEK is for the ring of this issuer alone", async () => {
    const config = await nodeWith({ ...wrappedBy(), ...inSecret() });
    await createKek(config, {});
    const other = { ...config, issuer: "https://other.example.com" };
    expect(await told(readKeks(other, {}))).toEqual({
      code: "kek_invalid",
      text: expect.stringContaining("another ring than https://other.example.com"),
    });
  });

  it.each(["KEYTURN_KEK", "file", "secret"])("a KEK in the clear is refused from the %s", async (from) => {
    createByHand(bench, { SecretString: KEK });
    const config = await nodeWith({ ...wrappedBy(), ...(from === "secret" ? inSecret() : {}) }, { kek: KEK });
    const environment = from === "KEYTURN_KEK" ? { KEYTURN_KEK: KEK } : {};
    expect(await told(readKeks(config, environment), KEK)).toMatchObject({ code: "kek_invalid" });
  });
});
