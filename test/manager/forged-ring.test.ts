/** Rings that were sealed with the KEK in hand, authentic to the byte, and yet wrong. */
import { beforeEach, describe, expect, it } from "vitest";
import { generateKey } from "../../src/keys/generate.ts";
import { type Kek, parseKek } from "../../src/keys/kek.ts";
import { openJwk, sealJwk } from "../../src/keys/seal.ts";
import { sealRing } from "../../src/keys/sealed-ring.ts";
import type { KeyRing, RingKey } from "../../src/ring/ring.ts";
import type { Place } from "./faulty-store.ts";
import { codeOf, KEK, openAlone, openNode, pass, settle, type TestNode } from "./fleet.ts";

let node: TestNode & { place: Place };
let ring: KeyRing;
let emitter: RingKey;
let standby: RingKey;
let kek: Kek;
beforeEach(async () => {
  node = await openAlone();
  kek = await parseKek(KEK);
  ring = node.keys.ring();
  [emitter, standby] = ring.keys as [RingKey, RingKey];
});

/** Both a node that starts and one that runs refuse it, leave it where it is, and the latter signs on. */
async function expectRefused(forged: Partial<KeyRing>, code: string): Promise<void> {
  const document = await sealRing({ ...ring, ...forged }, kek);
  node.place.restore(document);
  expect(await codeOf(openNode(node.place))).toBe(code);
  expect(await codeOf(node.keys.refresh())).toBe(code);
  expect(await codeOf(node.keys.tick())).toBe(code);
  expect((await node.place.load())?.document).toBe(document);
  expect((await node.keys.sign({})).kid).toBe(emitter.kid);
  expect(node.keys.ring()).toEqual(ring);
}

/** The private key of one kid under the name of another. */
async function movedTo(target: RingKey, source: RingKey): Promise<RingKey> {
  const privateJwk = await openJwk(source.sealedJwk, { ring: ring.id, kid: source.kid }, kek);
  return { ...target, sealedJwk: await sealJwk(privateJwk, { ring: ring.id, kid: target.kid }, kek) };
}

/** The forged commit follows the one that the node has seen, so that nothing but its own fault betrays it. */
async function next(keys: readonly RingKey[]): Promise<Partial<KeyRing>> {
  const generation = 2;
  const [init] = ring.auditTail;
  const record = { ...(init as NonNullable<typeof init>), generation, hash: "A".repeat(43) };
  return { keys, generation, auditTail: [...ring.auditTail, record] };
}

describe("a forged ring is refused and left alone", () => {
  it("with two keys that emit", async () => {
    const second = {
      ...standby,
      emittedAt: ring.committedAt + 1200,
      emitAfter: ring.committedAt,
      retireHoldSeconds: 1200,
    };
    await expectRefused(await next([emitter, second]), "ring_invalid");
  });

  it("with no key that emits", async () => {
    await expectRefused(await next([standby]), "ring_invalid");
  });

  it("with a kid that is not the thumbprint of its key", async () => {
    await expectRefused(await next([emitter, { ...standby, publicJwk: emitter.publicJwk }]), "ring_invalid");
  });

  it("with a key that emits before its hold", async () => {
    const hasty = { ...standby, emittedAt: ring.committedAt, retireHoldSeconds: 1200 };
    const retired = { ...emitter, retiredAt: ring.committedAt, acceptUntil: ring.committedAt + 1200 };
    await expectRefused(await next([retired, hasty]), "ring_invalid");
  });

  it("with a policy that cannot be kept", async () => {
    const forged = await next(ring.keys);
    await expectRefused({ ...forged, policy: { ...ring.policy, overlapSeconds: 1 } }, "ring_invalid");
  });
});

describe("a successor whose halves do not fit together", () => {
  let damaged: TestNode;
  beforeEach(async () => {
    const forged = { ...ring, ...(await next([emitter, await movedTo(standby, emitter)])) };
    node.place.restore(await sealRing(forged, kek));
    damaged = await openNode(node.place);
  });

  it("does not emit: the step is not committed, and every node signs on", async () => {
    await pass(damaged, 30 * 86_400);
    expect(await codeOf(damaged.keys.tick())).toBe("key_selftest_failed");
    expect(await codeOf(damaged.keys.rotate())).toBe("key_selftest_failed");
    expect(node.place.history).toHaveLength(1);
    expect((await damaged.keys.sign({})).kid).toBe(emitter.kid);
    expect(await codeOf(openNode(node.place))).toBe("none");
  });

  it("makes room for a sound one when it is revoked", async () => {
    await damaged.keys.revoke(standby.kid, { reason: "damaged" });
    expect(await settle(damaged)).toEqual(["accept"]);
    await pass(damaged, 30 * 86_400);
    expect(await settle(damaged)).toEqual(["emit", "accept"]);
    expect((await damaged.keys.sign({})).kid).toBe(damaged.keys.status().emitter);
  });
});

describe("an emitter that is not what it is called", () => {
  const changesEmitter = async (forge: (key: RingKey) => Promise<RingKey>) => {
    const forged = { ...ring, ...(await next([await forge(emitter), standby])) };
    node.place.restore(await sealRing(forged, kek));
    return codeOf(openNode(node.place));
  };

  it("is refused when its sealed half was moved there from another key", async () => {
    expect(await changesEmitter(async (key) => ({ ...key, sealedJwk: standby.sealedJwk }))).toBe(
      "ring_tampered",
    );
  });

  it("is refused when it was sealed for another ring", async () => {
    const foreign = await generateKey(ring.policy, "another", kek);
    expect(await changesEmitter(async (key) => ({ ...key, sealedJwk: foreign.sealedJwk }))).toBe(
      "ring_tampered",
    );
  });

  it("is refused when its halves do not fit together", async () => {
    expect(await changesEmitter((key) => movedTo(key, standby))).toBe("key_selftest_failed");
  });
});
