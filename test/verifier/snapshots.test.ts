/** Stores of snapshots that hold what is wrong, fail or hang: all are survived, and told of. And the two that come along. */
import { describe, expect, it } from "vitest";
import { cacheApiSnapshots, kvSnapshots } from "../../src/verifier/index.ts";
import { decodeSnapshot, encodeSnapshot } from "../../src/verifier/snapshots.ts";
import { type ManualClock, manualClock } from "../manager/manual-clock.ts";
import { ISSUER, NOW, verdictOf } from "./sample-issuer.ts";
import { fleet, jwks, KEY, NEXT_KEY, OUTAGE, SHELF, settled, snapshot, tokenOf } from "./scripted-issuer.ts";

const large = JSON.stringify({ keys: [KEY.jwk], padding: "x".repeat(70_000) });

describe.each<[string, string]>([
  ["no JSON", "{"],
  ["no object", "null"],
  ["an empty text", ""],
  ["a time that is no number", JSON.stringify({ ...JSON.parse(snapshot()), fetchedAt: "now" })],
  ["no time", JSON.stringify({ ...JSON.parse(snapshot()), fetchedAt: undefined })],
  ["a time in the future", snapshot({ age: -61 })],
  ["a freshness below zero", snapshot({ freshSeconds: -1 })],
  ["an ETag that is no text", JSON.stringify({ ...JSON.parse(snapshot()), etag: 5 })],
  [
    "a body that is no JWKS",
    encodeSnapshot({ fetchedAt: NOW, freshSeconds: 600, etag: null, body: "<html>" }),
  ],
  ["too many keys", snapshot({ published: Array.from({ length: 65 }, () => KEY) })],
  [
    "a larger body than is taken",
    encodeSnapshot({ fetchedAt: NOW, freshSeconds: 600, etag: null, body: large }),
  ],
])("a snapshot with %s", (_, text) => {
  it("is told of, and survived by asking the issuer", async () => {
    const { instance, shelf, issuer, events } = fleet();
    shelf.texts.set(SHELF, text);
    expect(await verdictOf(instance(), tokenOf(KEY))).toBe("accepted");
    expect(issuer.requests).toHaveLength(1);
    expect(events[0]).toEqual({ type: "snapshot_failed", issuer: ISSUER, operation: "load" });
    expect(decodeSnapshot(shelf.texts.get(SHELF) as string, NOW)).not.toBeNull();
  });
});

describe("a snapshot", () => {
  it("of an older generation does not replace a newer one", async () => {
    const { instance, issuer, shelf, clock } = fleet();
    issuer.reply = jwks([NEXT_KEY], { ring: "one", generation: 2 });
    const verifier = instance();
    await verifier.warm();
    clock.advance(480);
    shelf.texts.set(SHELF, snapshot({ age: -470, generation: 1 }));
    await verdictOf(verifier, tokenOf(NEXT_KEY));
    await settled();
    expect(issuer.requests).toHaveLength(2);
    expect(verifier.health().issuers[0]).toMatchObject({ generation: 2, kids: ["key-2"] });
  });

  it("that is older than what is held is not taken, not even where the issuer is down", async () => {
    const { instance, issuer, shelf, clock } = fleet();
    issuer.reply = jwks([NEXT_KEY]);
    const verifier = instance();
    await verifier.warm();
    issuer.reply = OUTAGE;
    clock.advance(480);
    shelf.texts.set(SHELF, snapshot({ age: 1 }));
    await verdictOf(verifier, tokenOf(NEXT_KEY));
    await settled();
    expect(verifier.health().issuers[0]).toMatchObject({ kids: ["key-2"], ageSeconds: 480 });
  });

  it("of a clock that is ahead by a minute is taken, and is no younger than now", () => {
    expect(decodeSnapshot(snapshot({ age: -60 }), NOW)?.fetchedAt).toBe(NOW);
    expect(decodeSnapshot(snapshot({ age: -61 }), NOW)).toBeNull();
    expect(decodeSnapshot(snapshot({ age: 61 }), NOW)?.fetchedAt).toBe(NOW - 61);
  });

  it("can be read as it was written", () => {
    const written = { fetchedAt: NOW, freshSeconds: 12.5, etag: null, body: '{"keys":[]}' };
    expect(decodeSnapshot(encodeSnapshot(written), NOW)).toEqual(written);
  });
});

describe.each<[string, () => Promise<never>]>([
  ["rejects", () => Promise.reject(new Error("no store"))],
  [
    "throws",
    () => {
      throw new Error("no store");
    },
  ],
  ["never settles", () => new Promise<never>(() => undefined)],
])("a store that %s", (_, operation) => {
  it("is survived when it is read", async () => {
    const { instance, issuer, events } = fleet();
    const verifier = instance({ snapshots: { load: operation, save: async () => undefined } });
    expect(await verdictOf(verifier, tokenOf(KEY))).toBe("accepted");
    expect(issuer.requests).toHaveLength(1);
    expect(events[0]).toMatchObject({ type: "snapshot_failed", operation: "load" });
  });

  it("is survived when it is written, without a token that waits for it", async () => {
    const { instance, issuer, events } = fleet();
    const verifier = instance({ snapshots: { load: async () => null, save: operation } });
    const works: Promise<unknown>[] = [];
    await verifier.verify(tokenOf(KEY), { waitUntil: (work) => void works.push(work) });
    expect(verifier.health()).toMatchObject({ status: "ok", issuers: [{ failures: 0, lastFailure: null }] });
    await Promise.all(works);
    expect(events.filter(({ type }) => type === "snapshot_failed")).toEqual([
      { type: "snapshot_failed", issuer: ISSUER, operation: "save" },
    ]);
    expect(issuer.requests).toHaveLength(1);
  });
});

describe("cacheApiSnapshots", () => {
  /** As the Cache API: full URLs only, bodies are read once, what has expired is gone. */
  class OneCache {
    readonly entries = new Map<string, { body: string; until: number }>();
    readonly clock: ManualClock;
    constructor(clock: ManualClock) {
      this.clock = clock;
    }
    async match(request: string): Promise<Response | undefined> {
      const entry = this.entries.get(new URL(request).href);
      return entry === undefined || this.clock.now() >= entry.until ? undefined : new Response(entry.body);
    }
    async put(request: string, response: Response): Promise<void> {
      const maxAge = /^max-age=(\d+)$/.exec(response.headers.get("Cache-Control") ?? "")?.[1];
      if (maxAge === undefined) throw new TypeError("Expected a response that may be cached.");
      const until = this.clock.now() + Number(maxAge);
      this.entries.set(new URL(request).href, { body: await response.text(), until });
    }
  }

  it("shares what was fetched until nobody can use it", async () => {
    const { instance, issuer, clock } = fleet();
    const cache = new OneCache(clock);
    const snapshots = cacheApiSnapshots(cache);
    await instance({ snapshots }).warm();
    await settled();
    const second = instance({ snapshots });
    expect(await verdictOf(second, tokenOf(KEY))).toBe("accepted");
    expect(issuer.requests).toHaveLength(1);
    issuer.reply = OUTAGE;
    clock.advance(4200);
    expect(await verdictOf(instance({ snapshots }), tokenOf(KEY))).toBe("keys_not_loaded");
    expect(await cache.match([...cache.entries.keys()][0] as string)).toBeUndefined();
  });

  it("keeps names with any characters apart", async () => {
    const snapshots = cacheApiSnapshots(new OneCache(manualClock()));
    const names = ["a/b", "a%2Fb", "a?b", "a#b", "a b", "ä", "../a", "https://x.example/?a=1&b=2"];
    for (const name of names) await snapshots.save(name, `text of ${name}`, 60);
    for (const name of names) expect(await snapshots.load(name)).toBe(`text of ${name}`);
    expect(await snapshots.load("a")).toBeNull();
  });
});

describe("kvSnapshots", () => {
  /** As Workers KV: a whole number of at least 60 seconds, and at most 512 bytes of name. */
  class StrictNamespace {
    readonly values = new Map<string, string>();
    readonly ttls: number[] = [];
    async get(key: string): Promise<string | null> {
      return this.values.get(key) ?? null;
    }
    async put(key: string, value: string, { expirationTtl }: { expirationTtl: number }): Promise<void> {
      if (!Number.isInteger(expirationTtl) || expirationTtl < 60)
        throw new Error(`Invalid expiration_ttl of ${expirationTtl}.`);
      if (Buffer.byteLength(key) > 512) throw new Error("The name is too long.");
      this.values.set(key, value);
      this.ttls.push(expirationTtl);
    }
  }

  it("shares what was fetched", async () => {
    const { instance, issuer } = fleet();
    const namespace = new StrictNamespace();
    await instance({ snapshots: kvSnapshots(namespace) }).warm();
    expect(await verdictOf(instance({ snapshots: kvSnapshots(namespace) }), tokenOf(KEY))).toBe("accepted");
    expect(issuer.requests).toHaveLength(1);
    expect(namespace.ttls).toEqual([4200]);
  });

  it.each([
    ["no shorter life than KV gives", { minFreshSeconds: 5, freshSeconds: 5, maxStaleSeconds: 0 }, 60],
    ["whole seconds", { freshSeconds: 700.5, maxStaleSeconds: 0.25 }, 701],
  ])("asks for %s", async (_, limits, ttl) => {
    const { instance, events } = fleet();
    const namespace = new StrictNamespace();
    await instance({ snapshots: kvSnapshots(namespace), ...limits }).warm();
    await settled();
    expect(events.map(({ type }) => type)).not.toContain("snapshot_failed");
    expect(namespace.ttls).toEqual([ttl]);
  });
});
