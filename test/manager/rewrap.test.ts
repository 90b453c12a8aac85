import { beforeEach, describe, expect, it } from "vitest";
import { parseKek } from "../../src/keys/kek.ts";
import { openJwk } from "../../src/keys/seal.ts";
import type { Place } from "./faulty-store.ts";
import {
  codeOf,
  KEK,
  kidIn,
  OTHER_KEK,
  openAlone,
  openNode,
  pass,
  publishedKids,
  recordsOf,
  ringIn,
  settle,
  type TestNode,
} from "./fleet.ts";

const NEW = { kek: OTHER_KEK, previousKek: KEK };

let old: TestNode & { place: Place };
let both: TestNode;
beforeEach(async () => {
  old = await openAlone();
  both = await openNode(old.place, { ...NEW, clock: old.clock });
});

const kekIdIn = (document: string): string => JSON.parse(document).kek;

/** Which of the ring's private keys open under `kek`. */
async function kidsThatOpen(document: string, kek: string): Promise<string[]> {
  const { id, keys } = await ringIn(document, KEK, OTHER_KEK);
  const parsed = await parseKek(kek);
  const opened = await Promise.all(
    keys.map(({ kid, sealedJwk }) =>
      openJwk(sealedJwk, { ring: id, kid }, parsed).then(
        () => [kid],
        () => [],
      ),
    ),
  );
  return opened.flat();
}

describe("rewrap", () => {
  it("moves the ring and every key in it to the new KEK, in one commit", async () => {
    const kids = publishedKids(both.keys);
    expect(await both.keys.rewrap()).toMatchObject({ changed: true, generation: 2, emitter: kids[0] });
    const { document } = old.place.newest();
    expect(kekIdIn(document)).toBe((await parseKek(OTHER_KEK)).id);
    expect(await kidsThatOpen(document, OTHER_KEK)).toEqual(kids);
    expect(await kidsThatOpen(document, KEK)).toEqual([]);
    expect(publishedKids(both.keys)).toEqual(kids);
    expect(both.keys.status().kek).toBe((await parseKek(OTHER_KEK)).id);
    expect((await recordsOf(old.place)).map(({ event }) => event)).toEqual(["init", "rewrap"]);
  });

  it("shuts out the old KEK and lets in the new one alone", async () => {
    await both.keys.rewrap();
    expect(await codeOf(openNode(old.place))).toBe("kek_mismatch");
    const fresh = await openNode(old.place, { kek: OTHER_KEK });
    expect((await fresh.keys.sign({})).kid).toBe(both.keys.status().emitter);
  });

  it("does nothing the second time, nor where there is nothing to move", async () => {
    expect(await old.keys.rewrap()).toMatchObject({ changed: false, generation: 1 });
    await both.keys.rewrap();
    expect(await both.keys.rewrap()).toMatchObject({ changed: false, generation: 2 });
    expect(old.place.history).toHaveLength(2);
  });

  it("done by two nodes at the same instant is done once", async () => {
    const other = await openNode(old.place, { ...NEW, clock: old.clock });
    const outcomes = await Promise.all([both.keys.rewrap(), other.keys.rewrap()]);
    expect(outcomes.map(({ changed }) => changed).sort()).toEqual([false, true]);
    expect(old.place.history).toHaveLength(2);
  });

  it("loses no command that another node gives at the same instant", async () => {
    const fresh = await openNode(old.place, { ...NEW, clock: old.clock });
    await Promise.all([
      both.keys.rewrap(),
      fresh.keys.revoke(kidIn(fresh.keys, "accepted"), { reason: "weak" }),
    ]);
    const { document } = old.place.newest();
    expect(await kidsThatOpen(document, OTHER_KEK)).toEqual([kidIn(both.keys, "emitting")]);
    expect((await recordsOf(old.place)).map(({ event }) => event).sort()).toEqual([
      "init",
      "revoke",
      "rewrap",
    ]);
  });
});

describe("a node with both KEKs", () => {
  it("opens the ring before and after", async () => {
    expect((await both.keys.sign({})).kid).toBe(kidIn(old.keys, "emitting"));
    await both.keys.rewrap();
    const again = await openNode(old.place, { ...NEW, clock: old.clock });
    expect((await again.keys.sign({})).kid).toBe(kidIn(old.keys, "emitting"));
  });

  it("commits under the old KEK until the rewrap, so that nodes without the new one go on", async () => {
    await pass(both, 30 * 86_400);
    expect(await settle(both)).toEqual(["emit", "accept"]);
    await old.keys.refresh();
    expect(old.keys.status()).toEqual(both.keys.status());
    expect(await kidsThatOpen(old.place.newest().document, KEK)).toHaveLength(3);
  });

  it("commits under the new KEK from the rewrap on", async () => {
    await both.keys.rewrap();
    await pass(both, 30 * 86_400);
    expect(await settle(both)).toEqual(["emit", "accept"]);
    expect(await kidsThatOpen(old.place.newest().document, OTHER_KEK)).toHaveLength(3);
    expect((await both.keys.sign({})).kid).toBe(kidIn(both.keys, "emitting"));
  });
});

describe("a running node with the old KEK alone", () => {
  it("signs to the end of its lease, serves the JWKS it knows and writes nothing", async () => {
    await both.keys.rewrap();
    const jwks = old.keys.jwks();
    old.clock.advance(120);
    expect(await codeOf(old.keys.refresh())).toBe("kek_mismatch");
    expect(await codeOf(old.keys.pause())).toBe("kek_mismatch");
    expect(await codeOf(old.keys.sign({}))).toBe("none");
    old.clock.advance(1);
    await expect(old.keys.sign({})).rejects.toMatchObject({
      code: "ring_stale",
      cause: { code: "kek_mismatch" },
    });
    expect(old.keys.jwks()).toEqual(jwks);
    expect(old.place.history).toHaveLength(2);
  });
});
