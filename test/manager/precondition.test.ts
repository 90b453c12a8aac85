import { describe, expect, it } from "vitest";
import { codeOf, kidIn, openAlone, openFleet } from "./fleet.ts";

describe("a command that is meant for one generation", () => {
  it("is carried out on that one alone", async () => {
    const { keys } = await openAlone();
    const security = { reason: "stolen", ifGeneration: [7] };
    const kid = kidIn(keys, "accepted");
    const codes = await Promise.all([
      codeOf(keys.rotate({ ifGeneration: [7] })),
      codeOf(keys.rollback(security)),
      codeOf(keys.revoke(kid, security)),
      codeOf(keys.pause({ ifGeneration: [7] })),
      codeOf(keys.resume({ ifGeneration: [] })),
      codeOf(keys.applyPolicy({ tokenSeconds: 600 }, { ifGeneration: [7] })),
      codeOf(keys.rewrap({ ifGeneration: [7] })),
    ]);
    expect(new Set(codes)).toEqual(new Set(["precondition_failed"]));
    expect(keys.ring().generation).toBe(1);
    expect(await codeOf(keys.pause({ ifGeneration: [7, 1] }))).toBe("none");
    expect(await codeOf(keys.revoke(kid, { ...security, ifGeneration: [2] }))).toBe("none");
  });

  it("is decided on what another node has committed in between", async () => {
    const { nodes } = await openFleet(2);
    const [one, other] = nodes;
    one?.store.beforeReplace.push(() => other?.keys.applyPolicy({ tokenSeconds: 600 }));
    expect(await codeOf(one?.keys.pause({ ifGeneration: [1] }) ?? Promise.resolve())).toBe(
      "precondition_failed",
    );
    expect(one?.keys.status().pausedAt).toBe(null);
  });

  it("is told as done when its answer was lost, though the generation is another by then", async () => {
    const { keys, store } = await openAlone();
    store.commitFaults.push("unknown_committed");
    expect(await keys.pause({ ifGeneration: [1] })).toMatchObject({ changed: true, generation: 2 });
  });
});

describe("a revoke that spares the emitter", () => {
  it("takes any key but that one", async () => {
    const { keys } = await openAlone();
    const [emitter, standby] = [kidIn(keys, "emitting"), kidIn(keys, "accepted")];
    const command = { reason: "stolen", sparesEmitter: true };
    expect(await codeOf(keys.revoke(emitter, command))).toBe("kid_is_emitter");
    expect(await codeOf(keys.revoke(standby, command))).toBe("none");
    expect(await codeOf(keys.revoke(emitter, { reason: "stolen" }))).toBe("none");
  });
});
