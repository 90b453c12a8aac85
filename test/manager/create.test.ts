import { describe, expect, it, vi } from "vitest";
import { createKeyManager } from "../../src/manager/manager.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { faultyStore, place } from "./faulty-store.ts";
import { codeOf, ISSUER, OTHER_KEK, openAlone, openNode, recordsOf } from "./fleet.ts";
import { START } from "./manual-clock.ts";

describe("the first boot", () => {
  it("makes one ring of an emitting key and a standby, and records it", async () => {
    const { keys, place } = await openAlone();
    const { ring, generation, keys: ringKeys, revoked } = keys.status();
    expect({ generation, revoked }).toEqual({ generation: 1, revoked: [] });
    expect(ringKeys.map(({ phase, publishedAt }) => ({ phase, publishedAt }))).toEqual([
      { phase: "emitting", publishedAt: START },
      { phase: "accepted", publishedAt: START },
    ]);
    expect(await recordsOf(place)).toMatchObject([
      {
        ring,
        generation: 1,
        at: START,
        event: "init",
        newKid: keys.status().emitter,
        trigger: "automatic",
        actor: "init",
      },
    ]);
  });

  it("makes one key where the policy wants no standby", async () => {
    const { keys } = await openAlone({ policy: { standby: false } });
    expect(keys.status().keys.map(({ phase }) => phase)).toEqual(["emitting"]);
  });

  it("leaves 20 nodes that boot at once with one and the same ring", async () => {
    const there = place();
    const nodes = await Promise.all(Array.from({ length: 20 }, () => openNode(there)));
    expect(there.history).toHaveLength(1);
    expect(new Set(nodes.map(({ keys }) => keys.status().ring)).size).toBe(1);
    expect(new Set(nodes.map(({ keys }) => keys.status().emitter)).size).toBe(1);
    const conflicts = nodes.map(({ events }) => events.filter(({ type }) => type === "conflict").length);
    expect(conflicts.filter((count) => count > 0)).toHaveLength(19);
  });

  it("signs on every one of 20 racing nodes with the key that won", async () => {
    const there = place();
    const nodes = await Promise.all(Array.from({ length: 20 }, () => openNode(there)));
    const signed = await Promise.all(nodes.map(({ keys }) => keys.sign({})));
    expect(new Set(signed.map(({ kid }) => kid))).toEqual(new Set([nodes[0]?.keys.status().emitter]));
  });

  it("recognises its own ring when the answer to the first commit is lost", async () => {
    const there = place();
    const store = faultyStore(there);
    store.commitFaults.push("unknown_committed");
    const { keys } = await openNode(store);
    expect(there.history).toHaveLength(1);
    expect(keys.status().generation).toBe(1);
  });

  it("writes the same ring again when the first commit was lost on the way, with the keys it had made", async () => {
    const there = place();
    const store = faultyStore(there);
    store.commitFaults.push("unknown_not_committed", "unknown_not_committed");
    const generated = vi.spyOn(crypto.subtle, "generateKey");
    const { keys } = await openNode(store);
    expect(generated).toHaveBeenCalledTimes(2);
    expect(there.history).toHaveLength(1);
    expect(keys.status().generation).toBe(1);
    vi.restoreAllMocks();
  });

  it("opens the ring that is there, with the ring's policy", async () => {
    const { keys, place } = await openAlone({ policy: { alg: "EdDSA", tokenSeconds: 60 } });
    const reopened = await openNode(place);
    expect(reopened.keys.status()).toEqual(keys.status());
    expect(place.history).toHaveLength(1);
  });
});

describe("a node refuses to start and writes nothing", () => {
  it("with ring_missing where it must not create a ring", async () => {
    const there = place();
    expect(await codeOf(openNode(there, { createIfMissing: false }))).toBe("ring_missing");
    expect(there.history).toEqual([]);
  });

  it("with store_unavailable when it cannot tell whether there is a ring", async () => {
    const there = place();
    const store = faultyStore(there);
    store.down = true;
    expect(await codeOf(openNode(store))).toBe("store_unavailable");
    expect(there.history).toEqual([]);
  });

  it("with store_unavailable when the store throws something of its own", async () => {
    const { place: there } = await openAlone();
    const broken = {
      ...there,
      load: async () => {
        throw new TypeError("socket hang up");
      },
    };
    await expect(openNode(broken)).rejects.toMatchObject({
      code: "store_unavailable",
      cause: new TypeError("socket hang up"),
    });
    expect(there.history).toHaveLength(1);
  });

  it("with commit_unknown when its first commit and every look at it are lost", async () => {
    const there = place();
    const store = faultyStore(there);
    store.commitFaults.push("unknown_committed");
    store.afterUnknown = () => {
      store.down = true;
    };
    expect(await codeOf(openNode(store))).toBe("commit_unknown");
    store.down = false;
    expect((await openNode(store)).keys.status().generation).toBe(1);
  });

  const damages: readonly { what: string; code: string; damage: (document: string) => string }[] = [
    { what: "is empty", code: "ring_corrupt", damage: () => "" },
    { what: "is truncated", code: "ring_corrupt", damage: (document) => document.slice(0, -20) },
    { what: "is another JSON", code: "ring_corrupt", damage: () => '{"keys":[]}\n' },
    { what: "is null", code: "ring_corrupt", damage: () => "null" },
    { what: "is written in another form", code: "ring_corrupt", damage: (document) => document.trimEnd() },
    {
      what: "has a member twice",
      code: "ring_corrupt",
      damage: (document) => document.replace('"schema": 1,', '"schema": 1,\n  "schema": 1,'),
    },
    {
      what: "was edited without the KEK",
      code: "ring_tampered",
      damage: (document) => document.replace('"tokenSeconds": 900', '"tokenSeconds": 901'),
    },
    {
      what: "comes from a newer keyturn",
      code: "ring_schema_unknown",
      damage: (document) => document.replace('"schema": 1', '"schema": 2'),
    },
  ];
  for (const { what, code, damage } of damages) {
    it(`with ${code} when the document ${what}`, async () => {
      const { place: there } = await openAlone();
      const damaged = damage(there.newest().document);
      expect(damaged).not.toBe(there.newest().document);
      there.restore(damaged);
      expect(await codeOf(openNode(there))).toBe(code);
      expect((await there.load())?.document).toBe(damaged);
      expect(there.history).toHaveLength(1);
    });
  }

  it("with kek_mismatch under another KEK, naming both ids and neither KEK", async () => {
    const { place: there } = await openAlone();
    const { document } = there.newest();
    const refusal: unknown = await openNode(there, { kek: OTHER_KEK }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "kek_mismatch" });
    expect(String(refusal)).toContain(JSON.parse(document).kek);
    expect(String(refusal)).not.toContain(OTHER_KEK);
    expect(await there.load()).toEqual(there.newest());
  });

  it("with kek_missing on a store that outlives the process, and makes up a KEK for one that does not", async () => {
    const there = place();
    const { ephemeral: _ephemeral, ...durable } = there;
    expect(await codeOf(createKeyManager({ issuer: ISSUER, store: durable }))).toBe("kek_missing");
    expect(there.history).toEqual([]);
    await createKeyManager({ issuer: ISSUER, store: there });
    expect(there.history).toHaveLength(1);
  });

  it("with kek_invalid and policy_invalid before it looks at the store", async () => {
    const store = faultyStore(place());
    expect(await codeOf(openNode(store, { kek: "secret" }))).toBe("kek_invalid");
    expect(await codeOf(openNode(store, { previousKek: "secret" }))).toBe("kek_invalid");
    expect(await codeOf(openNode(store, { policy: { jwksCacheSeconds: 60 } }))).toBe("policy_invalid");
    expect(store.calls).toEqual({ load: 0, replace: 0 });
  });
});

describe("the issuer", () => {
  const accepted = [
    "https://auth.example.com",
    "https://auth.example.com/",
    "https://auth.example.com:8443/tenants/7",
    "http://localhost:3000",
    "http://127.0.0.1",
    "http://[::1]:8080",
  ];
  for (const issuer of accepted) {
    it(`may be ${issuer}, and is kept to the letter`, async () => {
      const { keys } = await openAlone({ issuer });
      expect(keys.issuer).toBe(issuer);
    });
  }

  const refused = [
    "",
    "auth.example.com",
    "http://auth.example.com",
    "http://localhost.example.com",
    "ftp://localhost",
    "https://auth.example.com?tenant=7",
    "https://auth.example.com/?",
    "https://auth.example.com/#top",
    "https://auth.example.com#",
    "https://admin@auth.example.com",
    "https://:secret@auth.example.com",
    " https://auth.example.com",
    "https://auth.exam\nple.com",
  ];
  for (const issuer of refused) {
    it(`is refused as ${JSON.stringify(issuer)}, which is not repeated`, async () => {
      const there = place();
      const refusal: unknown = await openNode(there, { issuer }).catch((error: unknown) => error);
      expect(refusal).toMatchObject({ code: "config_invalid", problems: [{ at: "issuer" }] });
      expect(JSON.stringify(refusal)).not.toContain("secret");
      expect(there.history).toEqual([]);
    });
  }
});

describe("a clock that cannot be right", () => {
  for (const [name, now] of [
    ["has lost its time", 3],
    ["counts milliseconds", START * 1000],
  ] as const) {
    it(`is refused before anything is stored when it ${name}`, async () => {
      const store = memoryStore();
      const clock = { now: () => now, monotonic: () => 0 };
      await expect(createKeyManager({ store, issuer: ISSUER, clock })).rejects.toMatchObject({
        code: "clock_implausible",
      });
      expect(await store.load()).toBeNull();
    });
  }
});
