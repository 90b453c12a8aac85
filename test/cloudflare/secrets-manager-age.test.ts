/** What an object on AWS gives to isolates is as old as it says, and nobody waits for what another has begun. */
import { describe, expect, it } from "vitest";
import { loadedOnce } from "../../src/aws/load-sdk.ts";
import { clientSettings } from "../../src/aws/options.ts";
import { rememberedStore } from "../../src/cloudflare/remembered-store.ts";
import { KeyturnError } from "../../src/errors.ts";
import { generateKek } from "../../src/keys/kek.ts";
import { createKeyManager } from "../../src/manager/manager.ts";
import { memoryStore } from "../../src/store/memory.ts";

function clockAt(now: number) {
  const clock = { at: now, now: () => Math.floor(clock.at), monotonic: () => clock.at - 1000 };
  return clock;
}

const nothing = { before: async () => undefined, made: async () => undefined };

describe("what was read before", () => {
  it("is told with its age, and the lease of whoever takes it counts that", async () => {
    const clock = clockAt(1_800_000_000);
    const kek = generateKek();
    const issuer = "https://auth.example.com";
    const store = memoryStore();
    await createKeyManager({ store, issuer, kek, clock, policy: { leaseSeconds: 120 } });
    const remembered = rememberedStore(store, clock, nothing);
    await remembered.load();
    clock.at += 100;
    const copy = { ...store, load: remembered.remembered };
    const keys = await createKeyManager({ store: copy, issuer, kek, clock, createIfMissing: false });
    expect(keys.status().leaseAgeSeconds).toBe(100);
    await keys.sign({ sub: "a" });
    clock.at += 21;
    await expect(keys.sign({ sub: "a" })).rejects.toMatchObject({ code: "ring_stale" });
    await remembered.load();
    await keys.refresh();
    await keys.sign({ sub: "a" });
  });

  it("is forgotten with a commit, also one that fails, and with a read that began before it", async () => {
    const store = memoryStore();
    const clock = clockAt(1_800_000_000);
    const remembered = rememberedStore(store, clock, nothing);
    const first = await remembered.replace("one", null);
    let answer = () => {};
    const slow = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const lagging = rememberedStore(
      {
        ...store,
        async load() {
          const stored = await store.load();
          await slow;
          return stored;
        },
      },
      clock,
      nothing,
    );
    const before = lagging.load();
    await lagging.replace("two", first);
    answer();
    expect((await before)?.document).toBe("one");
    expect((await lagging.remembered())?.document).toBe("two");
    await expect(lagging.replace("three", first)).rejects.toMatchObject({ code: "conflict" });
    expect((await lagging.remembered())?.document).toBe("two");
  });

  it("has what must follow a commit begun before it, and once more where it was made, or may have been", async () => {
    const told: string[] = [];
    const store = memoryStore();
    const unknown = new KeyturnError("commit_unknown", "No answer.", { fix: "Look." });
    const noting = async (document: string, expected: string | null) => {
      told.push("commit");
      const revision = await store.replace(document, expected);
      if (document === "three") throw unknown;
      return revision;
    };
    const around = { before: async () => void told.push("before"), made: async () => void told.push("made") };
    const remembered = rememberedStore({ ...store, replace: noting }, clockAt(1), around);
    const first = await remembered.replace("one", null);
    await expect(remembered.replace("two", "no such")).rejects.toMatchObject({ code: "conflict" });
    await expect(remembered.replace("three", first)).rejects.toBe(unknown);
    expect(told).toEqual(["before", "commit", "made", "before", "commit", "before", "commit", "made"]);
  });
});

describe("what one request has begun and will never end", () => {
  const never = new Promise<never>(() => undefined);

  it("keeps nobody else from loading the SDK", async () => {
    const first = { loaded: true };
    const answers = [never, Promise.resolve(first), Promise.resolve({ loaded: true })];
    const load = loadedOnce<object>(() => answers.shift() as Promise<object>);
    void load();
    expect(await load()).toBe(first);
    expect(await load()).toBe(first);
    expect(answers).toHaveLength(1);
  });

  it("gives all who loaded at once the same", async () => {
    const load = loadedOnce(async () => ({}));
    const [one, other] = await Promise.all([load(), load()]);
    expect(other).toBe(one);
    expect(await load()).toBe(one);
  });

  it("keeps nobody else from credentials, which are asked for again before they end", async () => {
    const lasting = { accessKeyId: "a", secretAccessKey: "s", expiration: new Date(4e12) };
    const ending = { ...lasting, expiration: new Date(0) };
    const answers = [never, Promise.resolve(ending), Promise.resolve(lasting)];
    const { credentials } = clientSettings({ credentials: () => answers.shift() ?? never });
    const asked = credentials as () => Promise<unknown>;
    void asked();
    expect(await asked()).toBe(ending);
    expect(await asked()).toBe(lasting);
    expect(await asked()).toBe(lasting);
  });
});
