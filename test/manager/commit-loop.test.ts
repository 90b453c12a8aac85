/** The commit loop by itself, for decisions that no command of the manager takes. */
import { beforeEach, describe, expect, it } from "vitest";
import { parseKek } from "../../src/keys/kek.ts";
import { type Commit, committer } from "../../src/manager/commit.ts";
import { snapshotHolder } from "../../src/manager/snapshot.ts";
import { type Place, place } from "./faulty-store.ts";
import { codeOf, KEK, openAlone, type TestNode } from "./fleet.ts";

let node: TestNode & { place: Place };
beforeEach(async () => {
  node = await openAlone();
});

describe("a decision", () => {
  const CAUSE = { trigger: "manual", actor: "test", reason: null } as const;
  const EVENT = { event: "pause", oldKid: null, newKid: null } as const;

  async function committing(store: Place): Promise<Commit> {
    const kek = await parseKek(KEK);
    const onEvent = () => {};
    const snapshots = snapshotHolder({
      store,
      keks: [kek],
      clock: node.clock,
      tokenTyp: "JWT",
      onRead: onEvent,
      onEvent,
    });
    return committer({ store, kek, clock: node.clock, snapshots, onEvent });
  }

  it("that breaks a promise is refused, and nothing is stored", async () => {
    const commit = await committing(node.place);
    const ring = node.keys.ring();
    const decided = commit(
      async () => ({ ring: { ...ring, keys: ring.keys.slice(0, 1) }, event: EVENT }),
      CAUSE,
    );
    expect(await codeOf(decided)).toBe("ring_invalid");
    expect(node.place.history).toHaveLength(1);
  });

  it("to begin with a ring that is not sound is refused, and nothing is stored", async () => {
    const empty = place();
    const ring = { ...node.keys.ring(), auditTail: [] };
    const policy = { ...ring.policy, jwksCacheSeconds: 1 };
    const commit = await committing(empty);
    expect(await codeOf(commit(async () => ({ ring: { ...ring, policy }, event: EVENT }), CAUSE))).toBe(
      "ring_invalid",
    );
    expect(empty.history).toEqual([]);
  });

  it("to leave things as they are says so where there is no ring", async () => {
    const commit = await committing(place());
    expect(await codeOf(commit(async () => null, CAUSE))).toBe("ring_missing");
  });
});
