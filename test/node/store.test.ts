/** Where a configuration keeps its ring, and whose half-done commits a node brings to an end. */
import { beforeEach, describe, expect, it, vi } from "vitest";
import { generateKek, type Kek, parseKek } from "../../src/keys/kek.ts";
import { sealRing } from "../../src/keys/sealed-ring.ts";
import { createKeyManager } from "../../src/manager/manager.ts";
import { type Config, ringFolder } from "../../src/node/config.ts";
import { placeOf, storeOf } from "../../src/node/store.ts";
import type { KeyRing } from "../../src/ring/ring.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { successorId } from "../../src/store/secrets-manager/tokens.ts";
import { onAws } from "./on-aws.ts";
import { configIn, newPlace } from "./place.ts";

const world = onAws();

beforeEach(async () => {
  for (const [name, value] of Object.entries(await world.environment())) vi.stubEnv(name, value);
  return () => void vi.unstubAllEnvs();
});

const configOnAws = async (more = {}): Promise<Config> =>
  configIn(await newPlace(), { ...world.flags(), ...more });

describe("the store of a configuration", () => {
  it("is a folder by default, and bears any number of commits", async () => {
    const config = await configIn(await newPlace());
    expect(storeOf(config, "ring")).toMatchObject({ description: `file ${ringFolder(config)}` });
    expect(storeOf(config, "ring").writesEverySeconds).toBeUndefined();
    expect(placeOf(config)).toBe(ringFolder(config));
  });

  it("is a secret for the ring and another for the API tokens, with what a secret bears", async () => {
    const config = await configOnAws();
    expect(storeOf(config, "ring")).toMatchObject({
      description: `AWS Secrets Manager secret ${world.name}/ring`,
      writesEverySeconds: 900,
    });
    expect(storeOf(config, "api-tokens").description).toMatch(/\/ring-api-token-book$/);
  });

  it("bears what the operator says of it; 0 is any number", async () => {
    const borne = async (writesEverySeconds: string) =>
      storeOf(await configOnAws({ writesEverySeconds }), "ring").writesEverySeconds;
    expect(await borne("60")).toBe(60);
    expect(await borne("0")).toBeUndefined();
  });
});

/** A ring in the secret, and what another node left half done on it: a version that nobody points to yet. */
async function halfDone(make: (ring: KeyRing, kek: Kek, text: string) => Promise<string>) {
  const config = await configOnAws();
  const text = generateKek();
  const kek = await parseKek(text);
  const store = storeOf(config, "ring");
  const { issuer } = config;
  const keys = await createKeyManager({ store, kek: text, issuer });
  const before = await store.load();
  const secretId = `${world.name}/ring`;
  const arn = world.aws.secret(secretId)?.arn as string;
  const token = await successorId(arn, before?.revision ?? null, 0);
  const document = await make(keys.ring(), kek, text);
  world.aws.arrange("PutSecretValue", {
    SecretId: secretId,
    ClientRequestToken: token,
    SecretString: document,
    VersionStages: ["keyturn_next"],
  });
  return { keys, store, document };
}

/** The generation after a pause, as any node would have made it. */
async function paused(
  { config, text }: { readonly config: Config; readonly text: string },
  document: string,
) {
  const store = memoryStore();
  await store.replace(document, null);
  const keys = await createKeyManager({ store, kek: text, issuer: config.issuer });
  await keys.pause({ actor: "somebody else" });
  return (await store.load())?.document as string;
}

describe("what another node left half done", () => {
  it("becomes the ring if it is authentic and follows, and the command is decided anew on it", async () => {
    const config = await configOnAws();
    const text = generateKek();
    const store = storeOf(config, "ring");
    const keys = await createKeyManager({ store, kek: text, issuer: config.issuer });
    const before = await store.load();
    const arn = world.aws.secret(`${world.name}/ring`)?.arn as string;
    world.aws.arrange("PutSecretValue", {
      SecretId: arn,
      ClientRequestToken: await successorId(arn, before?.revision ?? null, 0),
      SecretString: await paused({ config, text }, before?.document as string),
      VersionStages: ["keyturn_next"],
    });
    expect(await keys.pause()).toMatchObject({ changed: false, generation: 2 });
    expect(keys.ring().auditTail.at(-1)?.actor).toBe("somebody else");
  });

  it("stays half done if it was made without the KEK, and the commit finds another way", async () => {
    const stranger = await parseKek(generateKek());
    const { keys, store, document } = await halfDone((ring) =>
      sealRing({ ...ring, generation: 2, pausedAt: ring.committedAt }, stranger),
    );
    expect(await keys.rotate({ actor: "me" })).toMatchObject({ changed: true, generation: 2 });
    expect((await store.load())?.document).not.toBe(document);
    expect(keys.ring().pausedAt).toBeNull();
  });

  it("stays half done if it is whole and authentic, but another ring's next generation", async () => {
    const { keys, store, document } = await halfDone(async (_, kek, text) => {
      const elsewhere = memoryStore();
      const other = await createKeyManager({
        store: elsewhere,
        kek: text,
        issuer: "https://auth.example.com",
      });
      await other.pause();
      return sealRing(other.ring(), kek);
    });
    const { id } = keys.ring();
    expect(await keys.rotate({ actor: "me" })).toMatchObject({ changed: true, generation: 2 });
    expect((await store.load())?.document).not.toBe(document);
    expect(keys.ring().id).toBe(id);
  });
});
