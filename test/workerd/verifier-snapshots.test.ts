/** Snapshots in workerd's own Cache API and KV: what one isolate has fetched, the next one starts from. */
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { cacheApiSnapshots, kvSnapshots, type SnapshotStore } from "../../src/verifier/index.ts";
import { NOW, verdictOf, type WatchedOptions } from "../verifier/sample-issuer.ts";
import {
  type Fleet,
  fleet,
  jwks,
  KEY,
  NEXT_KEY,
  OUTAGE,
  settled,
  snapshot,
  tokenOf,
} from "../verifier/scripted-issuer.ts";

const stores: readonly [string, () => SnapshotStore][] = [
  ["the Cache API", () => cacheApiSnapshots(caches.default)],
  ["KV", () => kvSnapshots(env.KEYS)],
];

describe.each(stores)("a second isolate, with snapshots in %s", (_, open) => {
  let world: Fleet;
  let options: WatchedOptions;
  let shelf: string;

  /** Each test has an issuer of its own, so that none finds what another has stored. */
  beforeEach(() => {
    world = fleet();
    const jwksUrl = `https://${crypto.randomUUID()}.example/jwks.json`;
    options = { ...{ jwksUrl }, snapshots: open() };
    shelf = `keyturn:jwks:${jwksUrl}`;
  });

  const isolate = () => world.instance(options);
  const failedLoads = () => world.events.filter(({ type }) => type === "snapshot_failed");

  /** The first one has fetched, and what it stored is there. */
  async function begun(): Promise<void> {
    const works: Promise<unknown>[] = [];
    await isolate().warm({ waitUntil: (work) => void works.push(work) });
    await Promise.all(works);
    expect(world.issuer.requests).toHaveLength(1);
  }

  it("starts without a fetch, with keys as old as the first one's fetch", async () => {
    await begun();
    world.clock.advance(400);
    const second = isolate();
    expect(await verdictOf(second, tokenOf(KEY))).toBe("accepted");
    expect(world.issuer.requests).toHaveLength(1);
    expect(second.health().issuers[0]).toMatchObject({ ageSeconds: 400, usableSeconds: 3800 });
    expect(failedLoads()).toEqual([]);
  });

  it("survives an outage of the issuer, to the second", async () => {
    await begun();
    world.issuer.reply = OUTAGE;
    world.clock.advance(4199);
    const second = isolate();
    expect(await verdictOf(second, tokenOf(KEY))).toBe("accepted");
    world.clock.advance(1);
    expect(await verdictOf(second, tokenOf(KEY))).toBe("keys_expired");
    expect(await verdictOf(isolate(), tokenOf(KEY))).toMatch(/^keys_/);
  });

  it("takes over what the first one was told of a turnover", async () => {
    await begun();
    const second = isolate();
    await second.warm();
    world.issuer.reply = jwks([NEXT_KEY]);
    world.clock.advance(480);
    const works: Promise<unknown>[] = [];
    await isolate().warm({ waitUntil: (work) => void works.push(work) });
    await Promise.all(works);
    await verdictOf(second, tokenOf(KEY));
    await settled();
    await second.warm();
    expect(second.health().issuers[0]?.kids).toEqual(["key-2"]);
  });

  it.each([
    ["no snapshot", "<!doctype html>"],
    ["of the future", snapshot({ age: -61, published: [NEXT_KEY] })],
    ["without keys in it", JSON.stringify({ fetchedAt: NOW, freshSeconds: 600, etag: null, body: "{}" })],
    ["larger than an answer may be", snapshot({ published: [{ jwk: { n: "A".repeat(70_000) } }] })],
  ])("refuses what is %s, and asks the issuer", async (_, text) => {
    await open().save(shelf, text, 4200);
    const second = isolate();
    expect(await verdictOf(second, tokenOf(KEY))).toBe("accepted");
    expect(await verdictOf(second, tokenOf(NEXT_KEY))).toBe("kid_unknown");
    expect(failedLoads()).toHaveLength(1);
  });

  it("does not verify by one that is too old, though nobody answers", async () => {
    await open().save(shelf, snapshot({ age: 4200 }), 4200);
    world.issuer.reply = OUTAGE;
    expect(await verdictOf(isolate(), tokenOf(KEY))).toMatch(/^keys_/);
  });
});

it("a save outlives its request by waitUntil", async () => {
  const saved: string[] = [];
  const works: Promise<unknown>[] = [];
  const store: SnapshotStore = {
    load: async () => null,
    async save(key) {
      await settled();
      saved.push(key);
    },
  };
  await fleet()
    .instance({ snapshots: store })
    .verify(tokenOf(KEY), { waitUntil: (work) => void works.push(work) });
  await Promise.all(works);
  expect(saved).toHaveLength(1);
});
