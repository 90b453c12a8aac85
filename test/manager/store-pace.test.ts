/** A policy is held against what its store bears. */
import { describe, expect, it } from "vitest";
import { isKeyturnError } from "../../src/errors.ts";
import { DEFAULT_POLICY, type RotationPolicy } from "../../src/ring/policy.ts";
import type { RingStore } from "../../src/store/store.ts";
import { place } from "./faulty-store.ts";
import { codeOf, openNode, SHORT } from "./fleet.ts";

/** Fast enough for any store of the tests, and too fast for one that bears a commit in 15 minutes. */
const HOURLY: RotationPolicy = { ...DEFAULT_POLICY, rotateEverySeconds: 3599 };
const PACED = 900;

function pacedPlace(writesEverySeconds = PACED): RingStore {
  return Object.assign(place(), { writesEverySeconds });
}

async function refusalOf(work: Promise<unknown>) {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!isKeyturnError(error)) throw new Error(`no refusal: ${error}`);
  return error;
}

describe("a policy that turns over faster than its store bears", () => {
  it("is refused before a ring is made, with the sum", async () => {
    const there = pacedPlace();
    const { code, message, problems } = await refusalOf(openNode(there, { policy: HOURLY }));
    expect(code).toBe("policy_invalid");
    expect(message).toMatch(/59m59s < 60m = 4 commits of a turnover × 15m.*Raise rotateEverySeconds to 3600/);
    expect(problems).toMatchObject([{ code: "rotation_too_fast_for_store", at: "rotateEverySeconds" }]);
    expect(await there.load()).toBeNull();
  });

  it("is refused of a node that opens a ring, and when it is to be put in force", async () => {
    const there = pacedPlace();
    const { keys } = await openNode(there);
    expect(await codeOf(openNode(there, { policy: HOURLY }))).toBe("policy_invalid");
    expect(await codeOf(keys.applyPolicy(HOURLY))).toBe("policy_invalid");
    expect(keys.ring()).toMatchObject({ generation: 1, policy: DEFAULT_POLICY });
  });

  it("does not keep a node without a policy of its own from signing", async () => {
    const there = place();
    await openNode(there, { policy: HOURLY });
    const { keys } = await openNode(Object.assign(there, { writesEverySeconds: PACED }));
    expect((await keys.sign({ sub: "a" })).kid).toBe(keys.status().emitter);
  });
});

describe("is lawful", () => {
  it.each([
    ["at the very bound", { ...DEFAULT_POLICY, rotateEverySeconds: 3600 }, PACED],
    ["whatever it is, where the store bears any number", SHORT, 0],
  ])("%s", async (_, policy, seconds) => {
    const { keys } = await openNode(pacedPlace(seconds), { policy });
    expect((await keys.applyPolicy({ ...policy, tokenSeconds: 4 })).changed).toBe(true);
  });
});
