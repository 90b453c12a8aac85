import { beforeEach, describe, expect, it } from "vitest";
import { DEFAULT_POLICY } from "../../../src/ring/policy.ts";
import { codeOf, kidIn, openNode } from "../../manager/fleet.ts";
import { expectProblem } from "../served.ts";
import { type ControlPlane, type Given, openControlPlane } from "./served.ts";

let plane: ControlPlane;
let operator: Given;
beforeEach(async () => {
  plane = await openControlPlane();
  operator = await plane.issue("operator");
});

const REASON = { reason: "laptop with the backup was stolen" };

describe("If-Match", () => {
  const pause = (ifMatch: string | undefined) =>
    plane.ask({
      method: "POST",
      path: "/v1/ring/pause",
      token: operator.token,
      headers: ifMatch === undefined ? {} : { "If-Match": ifMatch },
    });

  it("is required of every command", async () => {
    const security = await plane.issue("security");
    const kid = kidIn(plane.keys, "accepted");
    const commands: readonly (readonly [string, unknown])[] = [
      ["/v1/ring/rotate", {}],
      ["/v1/ring/rollback", REASON],
      ["/v1/ring/pause", {}],
      ["/v1/ring/resume", {}],
      ["/v1/ring/policy", { policy: DEFAULT_POLICY }],
      [`/v1/keys/${kid}/revoke`, REASON],
    ];
    for (const [path, body] of commands) {
      const answer = await plane.ask({ method: "POST", path, token: security.token, body });
      expectProblem(answer, 428, "precondition_required");
    }
    expect(plane.keys.ring().generation).toBe(1);
  });

  for (const [what, tag] of [
    ["an earlier generation", (ring: string) => `"${ring}.0"`],
    ["a later generation", (ring: string) => `"${ring}.2"`],
    ["another ring", () => '"another.1"'],
    ["a weak tag", (ring: string) => `W/"${ring}.1"`],
    ["another kind of tag", () => '"x"'],
    ["the generation in another spelling", (ring: string) => `"${ring}.01"`],
  ] as const) {
    it(`lets nothing through for ${what}`, async () => {
      expectProblem(await pause(tag(plane.keys.ring().id)), 412, "precondition_failed");
      expect(plane.keys.ring().generation).toBe(1);
    });
  }

  for (const [what, tag] of [
    ["no quotes", (ring: string) => `${ring}.1`],
    ["an open quote", (ring: string) => `"${ring}.1`],
    ["nothing", () => ""],
    ["a star in a list", (ring: string) => `"${ring}.1", *`],
  ] as const) {
    it(`is refused when it has ${what}`, async () => {
      expectProblem(await pause(tag(plane.keys.ring().id)), 400, "request_invalid");
    });
  }

  it("may name several, or any", async () => {
    expect((await pause(`"x", ${plane.etag()}`)).status).toBe(200);
    expect((await pause("*")).status).toBe(200);
  });

  it("is held against the store's ring, not against what this node has seen of it", async () => {
    const other = await openNode(plane.place, { clock: plane.clock });
    await other.keys.pause();
    const stale = plane.etag();
    expectProblem(await pause(stale), 412, "precondition_failed");
    expect(plane.etag()).not.toBe(stale);
    expect((await pause(plane.etag())).status).toBe(200);
  });

  it("lets one of two commands through that were meant for the same ring", async () => {
    const other = await openNode(plane.place, { clock: plane.clock });
    const ifGeneration = [plane.keys.ring().generation];
    const codes = await Promise.all([
      codeOf(plane.keys.pause({ ifGeneration })),
      codeOf(other.keys.applyPolicy({ tokenSeconds: 600 }, { ifGeneration })),
    ]);
    expect(codes.sort()).toEqual(["none", "precondition_failed"]);
  });
});
