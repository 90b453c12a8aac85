import { describe, expect, it, vi } from "vitest";
import { secretsManagerStore } from "../../../src/store/secrets-manager/index.ts";
import { successorId } from "../../../src/store/secrets-manager/tokens.ts";
import { onAws } from "./bench.ts";
import { outcomeOf } from "./outcomes.ts";
import { plant } from "./planted.ts";

const bench = onAws();
const NOTHING_YET = { ClientRequestToken: "t".repeat(32) };

const arn = () => bench.aws.secret(bench.secretId)?.arn ?? "";
const ring = (generation: number, id = "r1", more = {}) =>
  JSON.stringify({ schema: 1, kek: "k", ring: { id, generation, ...more }, mac: "m" });

describe("load", () => {
  it("costs one call while nothing changes, and writes nothing", async () => {
    const store = bench.open();
    await store.replace("ring", null);
    bench.forget();
    await store.load();
    expect(bench.asked()).toEqual(["DescribeSecret", "GetSecretValue"]);
    bench.forget();
    for (let again = 0; again < 3; again++) await store.load();
    expect(bench.asked()).toEqual(["DescribeSecret", "DescribeSecret", "DescribeSecret"]);
  });

  it("is null for a secret without a value, and for one that is not there", async () => {
    expect(await bench.open().load()).toBeNull();
    bench.aws.arrange("CreateSecret", { Name: bench.secretId, ...NOTHING_YET });
    expect(await bench.open().load()).toBeNull();
  });

  it("tells when the ring was stored, and is not led astray by a tag", async () => {
    const [writer, reader] = [bench.open(), bench.open()];
    await writer.replace("ring", null);
    const storedAt = bench.now;
    expect((await reader.load())?.storedAt).toBe(storedAt);
    bench.now += 5000;
    bench.aws.touch(bench.secretId);
    expect((await reader.load())?.storedAt).toBe(storedAt);
    // Who has not seen it before knows no better: later is the safe side.
    expect((await bench.open().load())?.storedAt).toBe(bench.now);
    const revision = await writer.replace("next", (await writer.load())?.revision ?? null);
    bench.now += 10;
    expect(await reader.load()).toEqual({ document: "next", revision, storedAt: bench.now - 10 });
  });

  it("looks once more when the version is gone before it can be read", async () => {
    const first = await bench.open().replace("first", null);
    bench.aws.fault("DescribeSecret", { crash: () => void force("second") }, {});
    expect((await bench.open().load())?.document).toBe("second");
    expect(bench.aws.secret(bench.secretId)?.labels["AWSCURRENT"]).not.toBe(first);

    /** The secret is made anew while it is read. */
    function force(SecretString: string): void {
      bench.aws.arrange("DeleteSecret", { SecretId: bench.secretId, ForceDeleteWithoutRecovery: true });
      bench.aws.arrange("CreateSecret", { Name: bench.secretId, SecretString, ...NOTHING_YET });
    }
  });

  it("asks again while it is shown what it saw replaced", async () => {
    const store = bench.open();
    const first = await store.replace("first", null);
    await store.load();
    const second = await store.replace("second", first);
    bench.aws.staleReads(1);
    bench.forget();
    // It is never better than what the service shows; the manager then refuses to go back.
    expect((await store.load())?.revision).toBe(first);
    expect(bench.asked().length).toBeGreaterThan(2);
    bench.aws.staleReads(0);
    expect((await store.load())?.revision).toBe(second);
  });

  it("says of bytes that they are no ring", async () => {
    bench.aws.arrange("CreateSecret", { Name: bench.secretId, SecretBinary: "AAAA", ...NOTHING_YET });
    await expect(bench.open().load()).rejects.toMatchObject({
      code: "ring_corrupt",
      message: expect.stringContaining("bytes"),
    });
  });
});

describe("replace", () => {
  it("makes three calls, leaves the version before it under AWSPREVIOUS, and no label behind", async () => {
    const store = bench.open();
    const first = await store.replace("first", null);
    await store.load();
    bench.forget();
    const second = await store.replace("second", first);
    expect(bench.asked()).toEqual(["DescribeSecret", "PutSecretValue", "UpdateSecretVersionStage"]);
    expect(bench.aws.secret(bench.secretId)?.labels).toEqual({
      AWSCURRENT: second,
      AWSPREVIOUS: first,
      keyturn_next: second,
    });
  });

  it("writes nothing on a revision that is no longer the newest", async () => {
    const store = bench.open();
    const first = await store.replace("first", null);
    await store.replace("second", first);
    bench.forget();
    await expect(store.replace("late", first)).rejects.toMatchObject({ code: "conflict" });
    expect(bench.asked()).toEqual(["DescribeSecret"]);
  });

  it("loses nothing while reads lag behind", async () => {
    const [one, other] = [bench.open(), bench.open()];
    const first = await one.replace("first", null);
    const second = await one.replace("second", first);
    const third = await one.replace("third", second);
    for (const lag of [1, 2, 3]) {
      bench.aws.staleReads(lag);
      for (const base of [first, second])
        await expect(other.replace("late", base)).rejects.toMatchObject({ code: /conflict|commit_unknown/ });
    }
    bench.aws.staleReads(0);
    expect(await other.load()).toMatchObject({ document: "third", revision: third });
    expect(bench.aws.secret(bench.secretId)?.versions).toHaveLength(3);
  });

  it("makes two equal commits on one base one version, and tells both", async () => {
    const first = await bench.open().replace("first", null);
    const [one, other] = [bench.open(), bench.open()];
    const revisions = await Promise.all([one.replace("same", first), other.replace("same", first)]);
    expect(new Set(revisions).size).toBe(1);
    expect(bench.aws.secret(bench.secretId)?.versions).toHaveLength(2);
  });

  describe.each([
    { commitsSince: 0, told: "committed" },
    { commitsSince: 1, told: "committed" },
    // By then the labels have forgotten; the manager looks into the ring's own history.
    { commitsSince: 2, told: "commit_unknown" },
  ])("whose move hangs", ({ commitsSince, told }) => {
    it(`is told ${told} when another has helped and committed ${commitsSince} times since`, async () => {
      let readings = 0;
      const slow = bench.open({ clock: { monotonic: () => (readings++ === 0 ? 0 : 8) } });
      const quick = bench.open();
      const first = await quick.replace("first", null);
      bench.aws.fault("UpdateSecretVersionStage", "hangs");
      const outcome = outcomeOf(slow.replace("helped", first));
      await vi.waitUntil(() => bench.asked().includes("UpdateSecretVersionStage"));
      await expect(quick.replace("lost", first)).rejects.toMatchObject({ code: "conflict" });
      for (let commit = 1; commit <= commitsSince; commit++)
        await quick.replace(`after it ${commit}`, (await quick.load())?.revision ?? null);
      expect(await outcome).toBe(told);
    });
  });

  it("creates the secret with nothing but its first ring, and needs no leave to create one that is there", async () => {
    bench.aws.arrange("CreateSecret", { Name: bench.secretId, ...NOTHING_YET });
    const actions = ["DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"];
    const credentials = bench.aws.principal(
      "without leave to create",
      actions.map((action) => `secretsmanager:${action}`),
    );
    const store = bench.open({ credentials });
    const revision = await store.replace("first", null);
    expect(await store.load()).toMatchObject({ document: "first", revision });
    expect(bench.asked()).not.toContain("CreateSecret");
  });
});

describe("a successor that someone left half done", () => {
  it("is made the ring when it is the next generation of the same ring", async () => {
    const store = bench.open();
    const first = await store.replace(ring(1), null);
    await plant(bench, ring(2, "r1", { by: "another" }));
    await expect(store.replace(ring(2), first)).rejects.toMatchObject({ code: "conflict" });
    expect((await store.load())?.document).toBe(ring(2, "r1", { by: "another" }));
  });

  it.each([
    ["of another ring", ring(2, "r2")],
    ["of a generation that does not follow", ring(3)],
    ["that is a book of API tokens", ring(2).replace('"ring"', '"book"')],
    ["that is no ring at all", '{"password":"hunter2"}'],
    ["that is no JSON", "hunter2"],
  ])("is passed over when it is one %s", async (_, document) => {
    const store = bench.open();
    const first = await store.replace(ring(1), null);
    await plant(bench, document);
    const second = await store.replace(ring(2), first);
    expect(await store.load()).toMatchObject({ document: ring(2), revision: second });
    expect(bench.aws.secret(bench.secretId)?.labels).toEqual({
      AWSCURRENT: second,
      AWSPREVIOUS: first,
      keyturn_next: second,
    });
    await store.replace(ring(3), second);
  });

  it("is passed over when it is made of bytes", async () => {
    const store = bench.open();
    const first = await store.replace(ring(1), null);
    const ClientRequestToken = await successorId(arn(), first, 0);
    const put = { SecretId: bench.secretId, ClientRequestToken, SecretBinary: "AAAA", VersionStages: ["x"] };
    bench.aws.arrange("PutSecretValue", put);
    await store.replace(ring(2), first);
    expect((await store.load())?.document).toBe(ring(2));
  });

  it("is judged by whoever was asked to judge", async () => {
    const asked: unknown[] = [];
    const store = bench.open();
    store.judgeBy?.(async (successor, base) => {
      asked.push([successor, base]);
      return false;
    });
    const first = await store.replace(ring(1), null);
    await plant(bench, ring(2, "r1", { by: "another" }));
    await store.replace(ring(2), first);
    expect(asked).toEqual([[ring(2, "r1", { by: "another" }), ring(1)]]);
  });

  it("stops all commits when there are three that are none, and the error says how to go on", async () => {
    const store = bench.open();
    const first = await store.replace(ring(1), null);
    for (const attempt of [0, 1, 2]) await plant(bench, `planted ${attempt}`, attempt);
    const error = await store.replace(ring(2), first).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "ring_corrupt", fix: expect.stringContaining("put-secret-value") });
    expect(String(error)).toContain(await successorId(arn(), first, 2));
    expect(String(error)).not.toContain("planted");
    expect((await store.load())?.document).toBe(ring(1));

    // What the error says to do.
    const SecretString = (await store.load())?.document;
    bench.aws.arrange("PutSecretValue", {
      SecretId: bench.secretId,
      ClientRequestToken: "by-hand-".repeat(5),
      SecretString,
    });
    await store.replace(ring(2), (await store.load())?.revision ?? null);
    expect((await store.load())?.document).toBe(ring(2));
  });
});

describe("options", () => {
  it.each([
    [{ secretId: "" }, /1 to 512/],
    [{ secretId: "a name with spaces" }, /1 to 512/],
    [{ secretId: "arn:aws:secretsmanager:us-east-1:123456789012:secret:ring" }, /not whole/],
    [{ secretId: "arn:aws:s3:::bucket" }, /not whole/],
    [
      { secretId: "arn:aws:secretsmanager:us-east-1:123456789012:secret:ring-AbCdEf", region: "eu-west-1" },
      /us-east-1 by its ARN/,
    ],
    [{ secretId: "ring", endpoint: "http://example.com" }, /no safe URL/],
    [{ secretId: "ring", endpoint: "nonsense" }, /no safe URL/],
  ])("%j are refused at once", (options, message) => {
    expect(() => secretsManagerStore(options)).toThrow(message);
  });

  it("say of the store what it is", () => {
    expect(bench.open().description).toBe(`AWS Secrets Manager secret ${bench.secretId}`);
  });
});
